use serde_json::json;

use super::*;

fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

/// The examples of RFC 7396, appendix A, whose target and patch are objects.
#[test]
fn patches_merge_as_in_the_appendix_of_the_standard() {
    let examples = [
        (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
        (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
        (json!({"a":"b"}), json!({"a":null}), json!({})),
        (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
        (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
        (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
        (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
        (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
        (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
        (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
    ];
    for (target, patch, merged) in examples {
        let mut result = object(target.clone());
        merge(&mut result, &object(patch.clone()));
        assert_eq!(Value::Object(result), merged, "{target} with {patch}");
    }
}

#[test]
fn what_the_service_keeps_cannot_be_patched_nor_the_given_properties_removed() {
    for name in KEPT_BY_THE_SERVICE.iter().chain(&NEEDED) {
        let problem = check_patch(&object(json!({*name: null}))).unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.document().field.as_deref()), (422, Some(*name)));
    }
    assert!(check_patch(&object(json!({"Status": null, "Note": null, "Size": 1}))).is_ok());
}
