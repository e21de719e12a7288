//! A `Find` as one SELECT that one index answers, in order, without a sort.

use ports::{Error, Find, Order, Result, Table};
use rusqlite::types::Value as Sql;
use serde_json::Value;

use crate::view_store::{check_table, fitting_index};

/// A statement and what to bind to it.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<Sql>,
}

/// The virtual column over a field.
pub(super) fn column(field: &str) -> String {
    format!("field_{field}")
}

/// The index over some fields.
pub(super) fn index_name(table: &str, fields: &[&str]) -> String {
    format!("view_{table}_by_{}", fields.join("__"))
}

/// Writes the statement.
///
/// # Errors
/// `Rejected` where no declared index answers the question in its order, or a value is not one that an index holds.
pub(super) fn build(table: Table, find: &Find) -> Result<Query> {
    check_table(&table)?;
    let index = fitting_index(&table, find)?;
    let mut query = Query { sql: format!("SELECT key, row FROM view_{}", table.name), values: Vec::new() };
    if let Some(index) = index {
        query.sql += &format!(" INDEXED BY {}", index_name(table.name, index));
    }
    query.sql += " WHERE true";
    for (field, value) in &find.equals {
        match plain(value)? {
            Sql::Null => query.sql += &format!(" AND {} IS NULL", column(field)),
            value => query.condition(&format!("{} =", column(field)), [value]),
        }
    }
    let (direction, behind) = match find.order {
        Order::Ascending => ("ASC", ">"),
        Order::Descending => ("DESC", "<"),
    };
    let Some(range) = &find.range else {
        if let Some((_, key)) = &find.after {
            query.condition(&format!("key {behind}"), [Sql::Text(key.clone())]);
        }
        return Ok(query.ordered(&format!("key {direction}"), find.limit));
    };
    let field = column(range.field);
    // A unary plus keeps a bound from the index where the cursor is the better place to begin.
    let plus = if find.after.is_some() { "+" } else { "" };
    query.sql += &format!(" AND {field} IS NOT NULL");
    for (bound, operator) in [(&range.from, ">="), (&range.below, "<")] {
        if let Some(bound) = bound {
            query.condition(&format!("{plus}{field} {operator}"), [value_of(bound, range.field)?]);
        }
    }
    if let Some((value, key)) = &find.after {
        let place = [value_of(value, range.field)?, Sql::Text(key.clone())];
        query.condition(&format!("({field}, key) {behind}"), place);
    }
    Ok(query.ordered(&format!("{field} {direction}, key {direction}"), find.limit))
}

impl Query {
    /// Adds a comparison with one value, or with a place of several.
    fn condition<const N: usize>(&mut self, comparison: &str, values: [Sql; N]) {
        let first = self.values.len() + 1;
        let numbers: Vec<_> = (first..first + N).map(|n| format!("?{n}")).collect();
        self.sql += &format!(" AND {comparison} ({})", numbers.join(", "));
        self.values.extend(values);
    }

    fn ordered(mut self, order: &str, limit: usize) -> Self {
        self.values.push(Sql::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        self.sql += &format!(" ORDER BY {order} LIMIT ?{}", self.values.len());
        self
    }
}

/// A value that an index holds.
fn plain(value: &Value) -> Result<Sql> {
    let value_fits = match value {
        Value::Null => Some(Sql::Null),
        Value::Bool(flag) => Some(Sql::Integer(i64::from(*flag))),
        Value::Number(number) => number.as_i64().map(Sql::Integer),
        Value::String(text) => Some(Sql::Text(text.clone())),
        Value::Array(_) | Value::Object(_) => None,
    };
    value_fits.ok_or_else(|| Error::Rejected(format!("an index holds no value like {value}")))
}

/// A value for the range's field, which null cannot be.
fn value_of(value: &Value, field: &str) -> Result<Sql> {
    match plain(value)? {
        Sql::Null => Err(Error::Rejected(format!("the range over {field:?} is compared with null"))),
        value => Ok(value),
    }
}
