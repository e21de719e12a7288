//! A row as a document, a `Find` as a filter and an order that one index answers.

use bytes::Bytes;
use mongodb::IndexModel;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use ports::{Error, Find, Order, Result, Table};
use serde_json::{Map, Value};

use crate::view_store::{check_table, fitting_index};

/// Where the document holds an indexed field.
fn place(field: &str) -> String {
    format!("by.{field}")
}

/// The row's bytes as they came, and beside them what the indexes need: `{row, by: {<field>: <value>}}`, without the key. Null is
/// the same as absent.
///
/// # Errors
/// `Rejected` where the row is no JSON object, or an indexed field holds what no index holds.
pub(super) fn document(table: &Table, key: &str, row: &Bytes) -> Result<Document> {
    let fields: Map<String, Value> = serde_json::from_slice(row)
        .map_err(|_| Error::Rejected(format!("row {key:?} for view {:?} is no JSON object", table.name)))?;
    let mut by = Document::new();
    for field in table.indexes.iter().copied().flatten() {
        if let Some(value) = fields.get(*field).filter(|value| !value.is_null()) {
            by.insert(*field, plain(value)?);
        }
    }
    Ok(doc! { "row": Binary { subtype: BinarySubtype::Generic, bytes: row.to_vec() }, "by": by })
}

/// The row and its key out of a document.
pub(super) fn row(mut found: Document) -> Result<(String, Bytes)> {
    match (found.remove("_id"), found.remove("row")) {
        (Some(Bson::String(key)), Some(Bson::Binary(row))) => Ok((key, row.bytes.into())),
        (key, _) => Err(Error::Corrupt(format!("row {key:?} of a view was written by something else"))),
    }
}

/// The indexes of a table; the key stands last in each, so that it gives the order, too.
pub(super) fn indexes(table: &Table) -> Vec<IndexModel> {
    let keys = |index: &&[&str]| {
        let mut keys: Document = index.iter().map(|field| (place(field), Bson::from(1))).collect();
        keys.insert("_id", 1);
        keys
    };
    table.indexes.iter().map(|index| IndexModel::builder().keys(keys(index)).build()).collect()
}

/// What to find, and in which order.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) filter: Document,
    pub(super) sort: Document,
}

/// Writes the query.
///
/// # Errors
/// `Rejected` where no declared index answers the question in its order, or a value is not one that an index holds.
pub(super) fn query(table: &Table, find: &Find) -> Result<Query> {
    check_table(table)?;
    fitting_index(table, find)?;
    let (direction, behind) = match find.order {
        Order::Ascending => (1, "$gt"),
        Order::Descending => (-1, "$lt"),
    };
    // All conditions side by side in one document: mongod takes them in any form, SecantusDB finds an index for no other.
    let mut all = Document::new();
    for (field, value) in &find.equals {
        all.insert(place(field), plain(value)?);
    }
    let Some(range) = &find.range else {
        if let Some((_, key)) = &find.after {
            all.insert("_id", doc! { behind: key });
        }
        return Ok(Query { filter: all, sort: doc! { "_id": direction } });
    };
    let field = place(range.field);
    let sort = doc! { &field: direction, "_id": direction };
    let mut bounds = Document::new();
    for (bound, operator) in [(&range.from, "$gte"), (&range.below, "$lt")] {
        if let Some(bound) = bound {
            bounds.insert(operator, value_of(bound, range.field)?);
        }
    }
    let Some((value, key)) = &find.after else {
        // A comparison leaves null out by itself.
        if bounds.is_empty() {
            bounds.insert("$ne", Bson::Null);
        }
        all.insert(field, bounds);
        return Ok(Query { filter: all, sort });
    };
    // Each half is one stretch of the index in its order; the server merges them.
    let value = value_of(value, range.field)?;
    let mut same = all.clone();
    same.insert("_id", doc! { behind: key });
    let mut at_value = bounds.clone();
    at_value.insert("$eq", &value);
    same.insert(&field, at_value);
    if !bounds.is_empty() {
        all.insert("$and", [doc! { &field: bounds }]);
    }
    all.insert(field, doc! { behind: value });
    Ok(Query { filter: doc! { "$or": [same, all] }, sort })
}

/// A value that an index holds. The server compares texts by bytes and integers by value.
fn plain(value: &Value) -> Result<Bson> {
    let value_fits = match value {
        Value::Null => Some(Bson::Null),
        Value::Bool(flag) => Some(Bson::Boolean(*flag)),
        Value::Number(number) => number.as_i64().map(Bson::Int64),
        Value::String(text) => Some(Bson::String(text.clone())),
        Value::Array(_) | Value::Object(_) => None,
    };
    value_fits.ok_or_else(|| Error::Rejected(format!("an index holds no value like {value}")))
}

/// A value for the range's field, which null cannot be.
fn value_of(value: &Value, field: &str) -> Result<Bson> {
    match plain(value)? {
        Bson::Null => Err(Error::Rejected(format!("the range over {field:?} is compared with null"))),
        value => Ok(value),
    }
}
