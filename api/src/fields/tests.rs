use serde_json::json;

use super::*;

const SHAPE: Shape = Shape {
    argument: "thing",
    fields: &[
        mandatory("id", Kind::Text(1, 5), "Id."),
        field("name", Kind::Name(5), "Name."),
        field("kind", Kind::Word(&["vm", "bm"]), "Kind."),
        field("count", Kind::Int(1, 10), "Count."),
        field("flag", Kind::Bool, "Flag."),
        field("labels", Kind::Dict, "Labels."),
        field("uuid", Kind::Uuid, "Uuid."),
        field("links", Kind::ReadOnly, "Links."),
        field("status", Kind::Ignored, "Status."),
    ],
};

fn read(mut value: Value) -> Result<Value> {
    let object = value.as_object_mut().unwrap();
    object.entry("id").or_insert("i".into());
    SHAPE.read(value).map(Value::Object)
}

#[test]
fn loose_scalars_become_what_is_declared() {
    for (given, expect) in [(json!("5"), 5), (json!(5.9), 5), (json!(true), 1), (json!(" 7 "), 7)] {
        assert_eq!(read(json!({"count": given})).unwrap()["count"], expect);
    }
    for given in [json!("True"), json!("t"), json!("YES"), json!("on"), json!(1), json!("1"), json!(true)] {
        assert_eq!(read(json!({"flag": given})).unwrap()["flag"], true);
    }
    for given in [json!("False"), json!("f"), json!("No"), json!("off"), json!(0), json!("0")] {
        assert_eq!(read(json!({"flag": given})).unwrap()["flag"], false);
    }
    let labels = read(json!({"labels": {"a": 1, "b": true, "c": 1.5, "d": "x"}})).unwrap();
    assert_eq!(labels["labels"], json!({"a": "1", "b": "True", "c": "1.5", "d": "x"}));
}

#[test]
fn null_stays_null_and_what_is_ignored_is_gone() {
    let all = json!({"name": null, "kind": null, "count": null, "flag": null, "labels": null, "status": 7});
    let mut expect = all.clone();
    expect["id"] = json!("i");
    expect.as_object_mut().unwrap().remove("status");
    assert_eq!(read(all).unwrap(), expect);
}

#[test]
fn wrong_values_name_the_attribute() {
    for (body, part) in [
        (json!({"zzz": 1}), "argument thing: zzz"),
        (json!({"id": null}), "id, value 'None': Mandatory"),
        (json!({"id": ""}), "at least 1"),
        (json!({"id": "123456"}), "at most 5"),
        (json!({"id": 5}), "text"),
        (json!({"id": "a\0"}), "U+0000"),
        (json!({"name": "5a"}), "pattern"),
        (json!({"name": "a\n"}), "pattern"),
        (json!({"name": "é"}), "pattern"),
        (json!({"kind": "VM"}), "vm, bm"),
        (json!({"kind": 1}), "vm, bm"),
        (json!({"count": "x"}), "whole number"),
        (json!({"count": ""}), "whole number"),
        (json!({"count": 1e300}), "whole number"),
        (json!({"count": [1]}), "whole number"),
        (json!({"count": 0}), "greater or equal to 1"),
        (json!({"count": false}), "greater or equal to 1"),
        (json!({"count": 11}), "lesser or equal to 10"),
        (json!({"flag": "maybe"}), "true or false"),
        (json!({"flag": 2}), "true or false"),
        (json!({"labels": []}), "object"),
        (json!({"labels": "a=b"}), "object"),
        (json!({"labels": {"a": null}}), "'a' must be"),
        (json!({"labels": {"a": {}}}), "'a' must be"),
        (json!({"labels": {"": "x"}}), "empty"),
        (json!({"uuid": "x"}), "UUID"),
        (json!({"links": []}), "read only"),
        (json!({"links": null}), "read only"),
    ] {
        let text = read(body.clone()).expect_err(&body.to_string()).to_string();
        assert!(text.contains(part), "{body}: {text}");
    }
    for body in [json!(null), json!([]), json!("x"), json!(1)] {
        assert!(SHAPE.read(body).unwrap_err().to_string().contains("JSON object"));
    }
}
