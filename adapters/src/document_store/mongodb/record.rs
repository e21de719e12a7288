//! Records as JSON, and as MongoDB stores them.
//!
//! What JSON can say is stored as the BSON of that kind. BSON that JSON lacks (dates, decimals, binary) is shown as relaxed
//! extended JSON, `{"$date": "…"}`, and becomes again what it was when it is written.

use base64::prelude::{BASE64_STANDARD, Engine};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Decimal128, Document, RawDocument, RawDocumentBuf, doc};
use ports::{Error, Record, Result};
use serde_json::{Map, Number, Value};

/// The property that says why a record of another program cannot be read whole.
const UNREADABLE: &str = "UnreadableRecord";

/// A record as it is read. Text that is not UTF-8, which only other programs can store, leaves no more of the record than its id
/// and the reason, so that it stands in nobody's way.
pub(super) fn record(raw: &RawDocument) -> Record {
    let (id, mut properties) = match Document::try_from(raw) {
        Ok(mut document) => (document.remove("_id"), map(&document)),
        Err(error) => {
            let id = raw.get("_id").ok().flatten().and_then(|id| Bson::try_from(id).ok());
            (id, Map::from_iter([(UNREADABLE.to_owned(), Value::from(error.to_string()))]))
        }
    };
    properties.insert("_id".to_owned(), Value::from(id_text(&id.unwrap_or(Bson::Null))));
    Record(properties)
}

/// A record as it is stored. A property that is as `before` shows it stays exactly what it is there, the width of its number
/// included: only JSON cannot tell them apart.
///
/// # Errors
/// `Rejected` where its `_id` is no ObjectId, or a property's name holds the character NUL, which BSON cannot say.
pub(super) fn document(record: &Record, before: Option<&Document>) -> Result<RawDocumentBuf> {
    let id = object_id(record.id()).ok_or_else(|| Error::Rejected(format!("{:?} is no ObjectId", record.id())))?;
    let mut document = doc! { "_id": id };
    for (name, value) in record.0.iter().filter(|(name, _)| *name != "_id") {
        document.insert(name, stored(value, before.and_then(|before| before.get(name))));
    }
    RawDocumentBuf::try_from(&document)
        .map_err(|error| Error::Rejected(format!("record {:?} cannot be stored: {error}", record.id())))
}

/// The ObjectId that 24 lower-case hex digits name.
pub(super) fn object_id(id: &str) -> Option<ObjectId> {
    ObjectId::parse_str(id).ok().filter(|parsed| parsed.to_hex() == id)
}

/// An id as text: an ObjectId as hex digits, a text as it is, and anything else as JSON; so is a text that looks like an ObjectId.
pub(super) fn id_text(id: &Bson) -> String {
    match id {
        Bson::ObjectId(id) => id.to_hex(),
        Bson::String(text) if object_id(text).is_none() => text.clone(),
        other => shown(other).to_string(),
    }
}

fn map(document: &Document) -> Map<String, Value> {
    document.iter().map(|(name, value)| (name.clone(), shown(value))).collect()
}

/// BSON as JSON.
fn shown(bson: &Bson) -> Value {
    match bson {
        Bson::Null => Value::Null,
        Bson::Boolean(truth) => Value::from(*truth),
        Bson::String(text) => Value::from(text.as_str()),
        Bson::Int32(number) => Value::from(*number),
        Bson::Int64(number) => Value::from(*number),
        Bson::Double(number) if number.is_finite() => Value::from(*number),
        Bson::Array(items) => items.iter().map(shown).collect(),
        Bson::Document(document) => Value::Object(map(document)),
        Bson::Decimal128(number) if big(number).is_some() => Value::from(big(number)),
        Bson::DateTime(instant) => match instant.try_to_rfc3339_string() {
            Ok(text) => serde_json::json!({ "$date": text }),
            Err(_) => serde_json::json!({ "$date": { "$numberLong": instant.timestamp_millis().to_string() } }),
        },
        Bson::Binary(binary) => serde_json::json!({ "$binary": {
            "base64": BASE64_STANDARD.encode(&binary.bytes), "subType": format!("{:02x}", u8::from(binary.subtype)),
        } }),
        // JSON has no word for these three.
        Bson::Double(number) => {
            let name = if number.is_nan() {
                "NaN"
            } else if *number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            serde_json::json!({ "$numberDouble": name })
        }
        // Serde writes the other kinds as extended JSON.
        other => serde_json::to_value(other).unwrap_or_else(|_| Value::from(other.to_string())),
    }
}

/// The whole number above `i64::MAX` that JSON can say and BSON's integers cannot.
fn big(number: &Decimal128) -> Option<u64> {
    number.to_string().parse().ok().filter(|number| i64::try_from(*number).is_err())
}

/// JSON as BSON.
fn stored(value: &Value, before: Option<&Bson>) -> Bson {
    if let Some(before) = before
        && shown(before) == *value
    {
        return before.clone();
    }
    match value {
        Value::Null => Bson::Null,
        Value::Bool(truth) => Bson::Boolean(*truth),
        Value::String(text) => Bson::String(text.clone()),
        Value::Number(number) => stored_number(number),
        Value::Array(items) => {
            let before = before.and_then(Bson::as_array);
            let item = |(i, item)| stored(item, before.and_then(|before| before.get(i)));
            Bson::Array(items.iter().enumerate().map(item).collect())
        }
        Value::Object(properties) => extended(value).unwrap_or_else(|| {
            let before = before.and_then(Bson::as_document);
            let property = |(name, value): (&String, &Value)| {
                (name.clone(), stored(value, before.and_then(|before| before.get(name))))
            };
            Bson::Document(properties.iter().map(property).collect())
        }),
    }
}

fn stored_number(number: &Number) -> Bson {
    let whole = number.as_i64().map(|whole| i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32));
    let big = || Some(Bson::Decimal128(number.as_u64()?.to_string().parse().ok()?));
    whole.or_else(big).unwrap_or_else(|| Bson::Double(number.as_f64().unwrap_or(f64::NAN)))
}

/// What extended JSON says, if this is some: then it is shown as the very same object.
fn extended(value: &Value) -> Option<Bson> {
    value.as_object()?.keys().next().filter(|name| name.starts_with('$'))?;
    let bson: Bson = serde_json::from_value(value.clone()).ok()?;
    let is_special = !matches!(bson, Bson::Document(_) | Bson::Int32(_) | Bson::Int64(_));
    (is_special && shown(&bson) == *value).then_some(bson)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::spec::BinarySubtype;
    use mongodb::bson::{Binary, DateTime, Regex, Timestamp};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(document: &Document) -> Record {
        record(&RawDocumentBuf::try_from(document).unwrap())
    }

    fn written(record: &Record, before: Option<&Document>) -> Document {
        Document::try_from(&*document(record, before).unwrap()).unwrap()
    }

    fn specials() -> Vec<(Bson, Value)> {
        let binary = Binary { subtype: BinarySubtype::Generic, bytes: vec![0, 255, 7] };
        let regex = Regex { pattern: "^a".try_into().unwrap(), options: "i".try_into().unwrap() };
        vec![
            (DateTime::from_millis(1_606_719_600_123).into(), json!({"$date": "2020-11-30T07:00:00.123Z"})),
            (DateTime::from_millis(i64::MIN).into(), json!({"$date": {"$numberLong": i64::MIN.to_string()}})),
            ("12.50".parse::<Decimal128>().unwrap().into(), json!({"$numberDecimal": "12.50"})),
            ("5".parse::<Decimal128>().unwrap().into(), json!({"$numberDecimal": "5"})),
            (ObjectId::from_bytes([7; 12]).into(), json!({"$oid": "07".repeat(12)})),
            (binary.into(), json!({"$binary": {"base64": "AP8H", "subType": "00"}})),
            (Timestamp { time: 7, increment: 9 }.into(), json!({"$timestamp": {"t": 7, "i": 9}})),
            (regex.into(), json!({"$regularExpression": {"pattern": "^a", "options": "i"}})),
            (f64::INFINITY.into(), json!({"$numberDouble": "Infinity"})),
            (f64::NEG_INFINITY.into(), json!({"$numberDouble": "-Infinity"})),
            (Bson::MinKey, json!({"$minKey": 1})),
        ]
    }

    #[test]
    fn what_json_lacks_is_shown_as_extended_json_and_stays_what_it_was() {
        for (bson, value) in specials() {
            let there = doc! { "_id": ObjectId::from_bytes([1; 12]), "a": [{ "b": bson.clone() }] };
            let shown = read(&there);
            assert_eq!(shown.0["a"], json!([{ "b": value }]));
            assert_eq!(written(&shown, None), there, "inserted anew");
            assert_eq!(written(&shown, Some(&there)), there, "replaced");
        }
    }

    #[test]
    fn a_property_that_nobody_changed_keeps_its_type() {
        let there = doc! {
            "_id": ObjectId::from_bytes([1; 12]), "long": 5_i64, "literal": { "$date": "2020-11-30T07:00:00Z" },
            "nested": [{ "kept": 6_i64, "changed": 6_i64 }],
        };
        let mut record = read(&there);
        record.0["nested"] = json!([{"kept": 6, "changed": 7}]);
        let expected = doc! {
            "_id": ObjectId::from_bytes([1; 12]), "literal": { "$date": "2020-11-30T07:00:00Z" }, "long": 5_i64,
            "nested": [{ "changed": 7_i32, "kept": 6_i64 }],
        };
        assert_eq!(written(&record, Some(&there)), expected);
    }

    #[test]
    fn an_id_that_is_no_object_id_is_text_and_never_mistaken_for_one() {
        let ids = [Bson::from("plain"), Bson::from("0".repeat(24)), Bson::from(7), DateTime::from_millis(0).into()];
        let texts = ids.map(|id| read(&doc! { "_id": id }).id().to_owned());
        let quoted = format!("\"{}\"", "0".repeat(24));
        assert_eq!(texts, ["plain", quoted.as_str(), "7", r#"{"$date":"1970-01-01T00:00:00Z"}"#]);
    }

    #[test]
    fn a_record_with_text_that_is_no_utf8_says_so() {
        let mut bytes = RawDocumentBuf::try_from(&doc! { "_id": 7, "a": "\u{e4}" }).unwrap().into_bytes();
        let at = bytes.windows(2).position(|two| two == "\u{e4}".as_bytes()).unwrap();
        bytes[at + 1] = b'x';
        let record = record(&RawDocumentBuf::from_bytes(bytes).unwrap());
        assert_eq!(record.id(), "7");
        assert!(record.text(UNREADABLE).is_some_and(|why| why.contains("UTF-8")), "{record:?}");
    }

    #[test]
    fn a_name_that_bson_cannot_say_is_rejected() {
        let record =
            Record([("_id".to_owned(), json!("1".repeat(24))), ("a\0b".to_owned(), json!(1))].into_iter().collect());
        let refusal = document(&record, None).unwrap_err();
        assert!(matches!(&refusal, Error::Rejected(text) if text.contains("null")), "{refusal}");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let name = prop_oneof!["[^\0]*", "[$.a-z]{0,4}", Just("$date".to_owned()), Just("$oid".to_owned())];
        let number = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(Value::from),
        ];
        let leaf =
            prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), ".*".prop_map(Value::from), number];
        leaf.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..6)
                    .prop_map(|properties| Value::Object(properties.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_json_can_say_goes_through_unchanged(value in any_json(), name in "[^\0]*") {
            let name = if name == "_id" { String::new() } else { name };
            let record = Record([("_id".to_owned(), json!("1".repeat(24))), (name, value)].into_iter().collect());
            let text = |record: &Record| serde_json::to_string(record).unwrap();
            prop_assert_eq!(text(&read(&written(&record, None))), text(&record));
        }
    }
}
