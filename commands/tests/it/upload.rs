use std::future::IntoFuture;

use axum::body::{Body, Bytes};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::world::{Answered, FORM, LIMIT, World, form, set_role};

const MD5_OF_ABC: &str = "900150983cd24fb0d6963f7d28e17f72";
const SHA256_OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

async fn assert_nothing_stored(world: &World) {
    assert_eq!(world.records().await, []);
    assert_eq!(world.keys().await, [""; 0]);
}

#[tokio::test]
async fn a_form_is_stored_as_a_record_and_a_file() {
    let world = World::new().await;
    let parts: [(&str, Option<&str>, &[u8]); 8] = [
        ("TrialId", None, b"T-1"),
        ("SiteId", None, b"S-7"),
        ("Kind", None, b"consent"),
        ("Status", None, b""),
        ("DocumentDate", None, b"2026-02-28"),
        ("Room", None, "Zimmer 3 – links".as_bytes()),
        ("Reason", None, b"first version"),
        ("file", Some("a b.txt"), b"abc"),
    ];
    let answer = world.ask("carl", "POST", "/api/documents", &[FORM], Body::from(form(&parts))).await.ok(201);
    let record = answer.json();
    let id = answer.id();
    assert_eq!(answer.header("location"), format!("/api/documents/{id}"));
    let location = record["FileLocation"].as_str().unwrap();
    assert!(location.starts_with(&format!("s3://trialbrief/trials/T-1/{id}/")), "{location}");
    let expected = json!({
        "_id": id, "Filename": "a b.txt", "FileLocation": location, "Size": 3, "MD5": MD5_OF_ABC,
        "SHA256": SHA256_OF_ABC, "TrialId": "T-1", "SiteId": "S-7", "Kind": "consent", "DocumentDate": "2026-02-28",
        "Room": "Zimmer 3 – links", "ContentType": "text/plain", "Version": 1, "UpdatedBy": "carl",
        "CreatedAt": "2026-11-23T08:00:00Z", "UpdatedAt": "2026-11-23T08:00:00Z",
    });
    assert_eq!(record, expected);
    let read = world.get("rita", &format!("/api/documents/{id}")).await.ok(200);
    assert_eq!((read.json(), read.header("etag")), (record, answer.header("etag")));
    let last_change = &world.record(&id).await.unwrap().0["LastChange"];
    assert_eq!((&last_change["Actor"], &last_change["Reason"]), (&json!("carl"), &json!("first version")));
    assert_eq!(world.get("rita", &format!("/api/documents/{id}/file")).await.ok(200).bytes, "abc");
}

#[tokio::test]
async fn a_bare_file_is_described_by_the_query() {
    let world = World::new().await;
    let answer =
        world.store("TrialId=T-1&Filename=%C3%BC.csv&Kind=log&Reason=because", "text/csv; charset=utf-8", b"abc");
    let record = answer.await.ok(201).json();
    assert_eq!((&record["Filename"], &record["Kind"]), (&json!("ü.csv"), &json!("log")));
    assert_eq!((&record["ContentType"], &record["SHA256"]), (&json!("text/csv; charset=utf-8"), &json!(SHA256_OF_ABC)));
    let empty = world.store("TrialId=T-1&Filename=empty", "", b"").await.ok(201).json();
    assert_eq!((&empty["Size"], &empty["ContentType"]), (&json!(0), &json!("application/octet-stream")));
    assert!(record.get("Reason").is_none() && record.get("LastChange").is_none());
}

#[tokio::test]
async fn a_bad_description_is_refused_by_name_and_nothing_is_stored() {
    let world = World::new().await;
    let cases = [
        ("Filename=x", 422, "TrialId"),
        ("TrialId=T-1", 422, "Filename"),
        ("TrialId=T%201&Filename=x", 422, "TrialId"),
        ("TrialId=T-1&Filename=x&DocumentDate=28.02.2026", 422, "DocumentDate"),
        ("TrialId=T-1&Filename=x&DocumentDate=2026-02-30", 422, "DocumentDate"),
        ("TrialId=T-1&Filename=x&Size=3", 422, "Size"),
        ("TrialId=T-1&Filename=x&MD5=900150983cd24fb0d6963f7d28e17f72", 422, "MD5"),
        ("TrialId=T-1&Filename=x&FileLocation=s3://trialbrief/trials/T-2/x", 422, "FileLocation"),
        ("TrialId=T-1&Filename=x&LastChange=x", 422, "LastChange"),
        ("TrialId=T-1&Filename=x&_id=0123456789abcdef01234567", 422, "_id"),
        ("TrialId=T-1&Filename=x&Kind=a&Kind=b", 422, "Kind"),
        ("TrialId=T-1&Filename=x&ContentType=html", 422, "ContentType"),
        ("TrialId=T-1&Filename=x&a.b=1", 422, "a.b"),
        ("TrialId=T-2&Filename=x", 404, ""),
        ("TrialId=T-9&Filename=x", 404, ""),
    ];
    for (query, status, field) in cases {
        world.store(query, "text/plain", b"abc").await.refused(status, field);
    }
    let long = format!("TrialId=T-1&Filename={}", "x".repeat(1_025));
    world.store(&long, "text/plain", b"abc").await.refused(422, "Filename");
    let reader = world.ask("rita", "POST", "/api/documents?TrialId=T-1&Filename=x", &[], Body::from("abc")).await;
    reader.refused(403, "");
    let nobody = axum::http::Request::post("/api/documents").body(Body::empty()).unwrap();
    world.send(nobody).await.refused(401, "");
    world.close_trial("T-1").await;
    assert_eq!(world.store("TrialId=T-1&Filename=x", "", b"abc").await.refused(409, "")["title"], "Conflict");
    assert_eq!(world.files.puts(), 0);
    assert_nothing_stored(&world).await;
}

#[tokio::test]
async fn a_bad_form_is_refused_and_nothing_is_stored() {
    let world = World::new().await;
    let post = async |body: Vec<u8>| world.ask("carl", "POST", "/api/documents", &[FORM], Body::from(body)).await;
    let trial = ("TrialId", None, &b"T-1"[..]);
    let file = ("file", Some("x"), &b"abc"[..]);
    let late = post(form(&[trial, file, ("Kind", None, b"late")])).await.refused(422, "Kind");
    assert_eq!(late["remedy"], "Put all fields before the part `file`.");
    post(form(&[trial, file, file])).await.refused(422, "file");
    post(form(&[file, trial])).await.refused(422, "TrialId");
    post(form(&[trial])).await.refused(422, "file");
    post(form(&[trial, ("other", Some("x"), b"abc"), file])).await.refused(422, "other");
    post(form(&[trial, ("Note", None, b"\xff"), file])).await.refused(422, "Note");
    post(form(&[trial, ("Note", None, &[b'x'; 300_000]), file])).await.refused(422, "");
    post(form(&[trial, ("Note", None, &[b'x'; 200_000]), file])).await.refused(422, "");
    post(b"no form at all".to_vec()).await.refused(422, "");
    let unbounded = [("content-type", "multipart/form-data")];
    world.ask("carl", "POST", "/api/documents", &unbounded, Body::empty()).await.refused(422, "Content-Type");
    assert_nothing_stored(&world).await;
}

#[tokio::test]
async fn an_upload_that_announces_too_much_is_refused_before_it_is_read() {
    let world = World::new().await;
    let announced = (LIMIT + 1).to_string();
    let unread = Body::from_stream(stream::once(async { panic!("it was read") as std::io::Result<Bytes> }));
    let headers = [("content-length", announced.as_str())];
    let answer = world.ask("carl", "POST", "/api/documents?TrialId=T-1&Filename=x", &headers, unread).await;
    assert_eq!(answer.refused(413, "")["limitBytes"], LIMIT);
    assert_eq!(world.files.puts(), 0);
}

#[tokio::test]
async fn an_upload_that_grows_too_large_is_cut_and_nothing_stays() {
    let world = World::new().await;
    let endless = || stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 10_000])));
    let path = "/api/documents?TrialId=T-1&Filename=x";
    world.ask("carl", "POST", path, &[], Body::from_stream(endless())).await.refused(413, "");
    let whole = form(&[("TrialId", None, b"T-1"), ("file", Some("x"), b"")]);
    let begun = Bytes::copy_from_slice(&whole[..whole.len() - b"\r\n--frontier--\r\n".len()]);
    let body = stream::iter([Ok(begun)]).chain(endless());
    world.ask("carl", "POST", "/api/documents", &[FORM], Body::from_stream(body)).await.refused(413, "");
    assert_eq!(world.files.puts(), 2);
    assert_nothing_stored(&world).await;
    // A byte less is fine.
    let largest = vec![b'x'; LIMIT as usize];
    world.store("TrialId=T-1&Filename=x", "", &largest).await.ok(201);
    world
        .ask(
            "carl",
            "POST",
            "/api/documents",
            &[FORM],
            Body::from(form(&[("TrialId", None, b"T-1"), ("file", Some("x"), &largest)])),
        )
        .await
        .ok(201);
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let world = World::new().await;
    let cut = |begun: Vec<u8>| {
        let hung_up = Err(std::io::Error::other("the sender hung up"));
        Body::from_stream(stream::iter([Ok(Bytes::from(begun)), hung_up]))
    };
    let path = "/api/documents?TrialId=T-1&Filename=x";
    world.ask("carl", "POST", path, &[], cut(vec![1; 500_000])).await.refused(422, "");
    let whole = form(&[("TrialId", None, b"T-1"), ("file", Some("x"), &[b'x'; 100_000])]);
    world.ask("carl", "POST", "/api/documents", &[FORM], cut(whole[..90_000].to_vec())).await.refused(422, "");
    // The connection ends in good order, but the form does not.
    let ended = Body::from(whole[..90_000].to_vec());
    world.ask("carl", "POST", "/api/documents", &[FORM], ended).await.refused(422, "");
    assert_eq!(world.files.puts(), 3);
    assert_nothing_stored(&world).await;
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_nothing() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, world.router.clone()).into_future());
    for framing in ["Content-Length: 500000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n186a0\r\n"] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let head = "POST /api/documents?TrialId=T-1&Filename=x HTTP/1.1\r\nHost: localhost\r\nuser: carl\r\n";
        connection.write_all(format!("{head}{framing}").as_bytes()).await.unwrap();
        connection.write_all(&[b'x'; 50_000]).await.unwrap();
        drop(connection);
    }
    world.files.ended(2).await;
    assert_nothing_stored(&world).await;
    server.abort();
}

#[tokio::test]
async fn the_same_upload_under_one_key_is_stored_once() {
    let world = World::new().await;
    let key = ("idempotency-key", "k-1");
    let post = async |query: &str| {
        world.ask("carl", "POST", &format!("/api/documents?{query}"), &[key], Body::from("abc")).await
    };
    let first = post("TrialId=T-1&Filename=x").await.ok(201);
    let again = post("TrialId=T-1&Filename=x").await.ok(201);
    assert_eq!((again.json(), again.header("etag")), (first.json(), first.header("etag")));
    post("TrialId=T-1&Filename=y").await.refused(422, "Idempotency-Key");
    assert_eq!(world.files.puts(), 1);
    let path = "/api/documents?TrialId=T-1&Filename=x";
    let too_large = Body::from(vec![0; LIMIT as usize + 1]);
    world.ask("carl", "POST", path, &[key], too_large).await.refused(413, "");
    // The key belongs to the person.
    let other = world.ask("anna", "POST", path, &[key], Body::from("abc")).await.ok(201);
    assert_ne!(other.id(), first.id());
    // Changed since: it is answered as it is now.
    world.patch("carl", &first.id(), &[], &json!({"Status": "final"})).await.ok(200);
    assert_eq!(post("TrialId=T-1&Filename=x").await.ok(200).json()["Status"], "final");
}

#[tokio::test]
async fn other_bytes_under_one_key_are_refused_and_not_dropped() {
    let world = World::new().await;
    let post = async |bytes: &'static str| {
        let path = "/api/documents?TrialId=T-1&Filename=x";
        world.ask("carl", "POST", path, &[("idempotency-key", "k")], Body::from(bytes)).await
    };
    let first = post("abc").await.ok(201);
    post("abd").await.refused(422, "Idempotency-Key");
    // Others' changes do not make it forget, nor another program that knows nothing of keys.
    world.patch("anna", &first.id(), &[], &json!({"Status": "final"})).await.ok(200);
    post("abd").await.refused(422, "Idempotency-Key");
    post("abc").await.ok(200);
    let before = world.record(&first.id()).await.unwrap();
    let mut foreign = before.clone();
    foreign.0.remove("LastChange");
    world.documents.replace(&before, &foreign).await.unwrap();
    post("abd").await.refused(422, "Idempotency-Key");
    assert_eq!(post("abc").await.ok(200).id(), first.id());
}

#[tokio::test]
async fn many_uploads_at_once_under_one_key_leave_one_record_and_one_file() {
    let world = World::new().await;
    let post = |i: u8| {
        let body = Body::from(vec![b'a' + i % 2; 1_000]);
        world.ask("carl", "POST", "/api/documents?TrialId=T-1&Filename=x", &[("idempotency-key", "k")], body)
    };
    let answers = join_all((0..16).map(post)).await;
    let (stored, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((stored.len(), refused.len()), (8, 8), "half of them came with the bytes that were stored");
    refused.iter().for_each(|answer| drop(answer.refused(422, "Idempotency-Key")));
    let records: Vec<Value> = stored.iter().map(Answered::json).collect();
    assert!(records.iter().all(|record| *record == records[0]));
    assert_eq!((world.records().await.len(), world.keys().await.len()), (1, 1));
    let id = records[0]["_id"].as_str().unwrap();
    let file = world.get("carl", &format!("/api/documents/{id}/file")).await.ok(200).bytes;
    assert_eq!(domain::id::ContentHash::of(&file).as_str(), records[0]["SHA256"]);
}

#[tokio::test]
async fn a_repeated_upload_does_not_show_a_document_that_has_left_for_a_trial_of_others() {
    let world = World::new().await;
    let (path, key) = ("/api/documents?TrialId=T-1&Filename=x", [("idempotency-key", "k")]);
    let id = world.ask("carl", "POST", path, &key, Body::from("abc")).await.ok(201).id();
    world.patch("anna", &id, &[], &json!({"TrialId": "T-2"})).await.ok(200);
    world.ask("carl", "POST", path, &key, Body::from("abc")).await.refused(404, "");
}

#[tokio::test]
async fn who_loses_the_role_during_an_upload_stores_nothing() {
    let world = World::new().await;
    let path = "/api/documents?TrialId=T-1&Filename=x";
    let commands = world.commands.clone();
    let body = stream::once(async move {
        set_role(&commands, "T-1", "carl", None).await;
        Ok::<_, std::io::Error>(Bytes::from("abc"))
    });
    world.ask("carl", "POST", path, &[], Body::from_stream(body)).await.refused(404, "");
    assert_eq!(world.files.puts(), 1);
    assert_nothing_stored(&world).await;
}

#[test]
fn both_ways_to_upload_are_documented() {
    let (_, document) = commands::routes().split_for_parts();
    let document = serde_json::to_value(document).unwrap();
    let content = &document["paths"]["/api/documents"]["post"]["requestBody"]["content"];
    let types: Vec<&String> = content.as_object().unwrap().keys().collect();
    assert_eq!(types, ["application/octet-stream", "multipart/form-data"]);
    let form = content["multipart/form-data"]["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
    let properties = &document["components"]["schemas"][form]["properties"];
    for name in ["TrialId", "Filename", "DocumentDate", "Reason", "file"] {
        assert!(properties.get(name).is_some(), "{name}: {properties}");
    }
}
