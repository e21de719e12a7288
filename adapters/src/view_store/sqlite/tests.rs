use ports::{Order, Table};
use rusqlite::{Connection, params_from_iter};
use serde_json::json;

use super::*;

const TABLE: Table = Table { name: "due", indexes: &[&["kind", "due"], &["due"], &["kind"]] };

/// How SQLite goes about a find: the steps of its plan.
fn plan(connection: &Connection, find: &Find) -> Vec<String> {
    let Query { sql, values } = query::build(TABLE, find).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    statement.query_map(params_from_iter(values), |row| row.get(3)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn every_find_is_one_search_of_an_index_without_a_sort() {
    let connection = Connection::open_in_memory().unwrap();
    make_table(&connection, &TABLE).unwrap();
    let by_kind = || Find::all(9).equal("kind", "render");
    let due = || by_kind().range("due", Some(json!(1)), Some(json!(9)));
    let cursor = Some((json!(5), "k".to_owned()));
    for (find, index, place) in [
        (by_kind(), "due_by_kind", "(field_kind=?)"),
        (by_kind().after(Some((json!(null), "k".into()))), "due_by_kind", "(field_kind=? AND key>?)"),
        (Find::all(9).equal("kind", json!(null)), "due_by_kind", "(field_kind=?)"),
        (due(), "due_by_kind__due", "(field_kind=? AND field_due>? AND field_due<?)"),
        (by_kind().range("due", None, None), "due_by_kind__due", "(field_kind=? AND field_due>?)"),
        (due().after(cursor.clone()), "due_by_kind__due", "(field_kind=? AND (field_due,key)>(?,?))"),
        (
            due().after(cursor).descending(),
            "due_by_kind__due",
            "(field_kind=? AND field_due>? AND (field_due,key)<(?,?))",
        ),
        (Find::all(9).range("due", None, Some(json!(4))), "due_by_due", "(field_due>? AND field_due<?)"),
    ] {
        let plan = plan(&connection, &find);
        assert_eq!(plan, [format!("SEARCH view_due USING INDEX view_{index} {place}")], "{find:?}");
    }
    let all = Find { order: Order::Descending, ..Find::all(9) };
    assert_eq!(plan(&connection, &all), ["SCAN view_due"]);
    assert_eq!(
        plan(&connection, &all.after(Some((json!(null), "k".into())))),
        ["SEARCH view_due USING PRIMARY KEY (key<?)"]
    );
}

#[test]
fn a_name_that_could_be_sql_is_refused() {
    for (name, indexes) in
        [("due; --", TABLE.indexes), ("due", &[&["a'b"] as &[&str]] as &[&[&str]]), ("", TABLE.indexes)]
    {
        assert!(matches!(query::build(Table { name, indexes }, &Find::all(1)), Err(Error::Rejected(_))), "{name:?}");
    }
}
