use rusqlite::Connection;

use super::*;

fn plan(connection: &Connection, equals: &[&'static str]) -> Vec<String> {
    let filter = RecordFilter { equals: equals.iter().map(|property| (*property, "x".to_owned())).collect() };
    let sql = list_sql(&filter).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let values = vec!["x"; equals.len() + 1];
    statement.query_map(params_from_iter(values), |row| row.get(3)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn the_records_of_a_trial_or_file_are_listed_by_an_index_without_a_sort() {
    let connection = Connection::open_in_memory().unwrap();
    schema::prepare(&connection, true, Timestamp::UNIX_EPOCH).unwrap();
    let by =
        |index: &str| vec![format!("SEARCH documents USING INDEX trialbrief_documents_{index} (<expr>=? AND id>?)")];
    assert_eq!(plan(&connection, &["TrialId"]), by("trial"));
    assert_eq!(plan(&connection, &["Kind", "TrialId"]), by("trial"));
    assert_eq!(plan(&connection, &["FileLocation"]), by("file"));
    let all = plan(&connection, &[]);
    assert!(all.len() == 1 && all[0].starts_with("SEARCH documents") && all[0].ends_with("(id>?)"), "{all:?}");
}

#[test]
fn a_property_that_could_be_sql_is_refused() {
    for property in ["", "a'b", "a.b", "a\"", "ä"] {
        let filter = RecordFilter { equals: vec![(property, String::new())] };
        assert!(matches!(list_sql(&filter), Err(Error::Rejected(_))), "{property:?}");
    }
}
