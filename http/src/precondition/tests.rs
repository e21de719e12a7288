use axum::http::Request;

use super::*;
use crate::after_token;

async fn extract<T: FromRequestParts<(), Rejection = Problem>>(
    uri: &str,
    headers: &[(&str, &str)],
) -> Result<T, Problem> {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    T::from_request_parts(&mut parts, &()).await
}

#[tokio::test]
async fn a_write_goes_on_only_over_a_version_it_names() {
    let (now, before) = (etag(b"now"), etag(b"before"));
    for (header, expected) in [
        (now.to_string(), Ok(())),
        ("*".to_owned(), Ok(())),
        (format!("{before} , {now}"), Ok(())),
        (before.to_string(), Err(412)),
        (format!("W/{now}"), Err(412)),
        ("\"a,b\"".to_owned(), Err(412)),
    ] {
        let asked: IfMatch = extract("/", &[("if-match", &header)]).await.unwrap();
        assert_eq!(asked.check(&now).map_err(|problem| problem.status().as_u16()), expected, "{header}");
        assert_eq!(asked.require(&now).is_ok(), expected.is_ok(), "{header}");
    }
    let asked: IfMatch =
        extract("/", &[("if-match", &before.to_string()), ("if-match", &now.to_string())]).await.unwrap();
    assert_eq!(asked.check(&now), Ok(()), "two headers are one list");
}

#[tokio::test]
async fn without_the_header_only_a_write_that_requires_it_is_refused() {
    let asked: IfMatch = extract("/", &[]).await.unwrap();
    assert_eq!(asked.check(&etag(b"now")), Ok(()));
    assert_eq!(asked.require(&etag(b"now")).unwrap_err().status(), 428);
}

#[tokio::test]
async fn a_header_that_is_no_list_of_tags_is_refused_and_not_ignored() {
    for header in ["", "abc", "\"open", "\"a\" \"b\"", "\"a\", b"] {
        let problem = extract::<IfMatch>("/", &[("if-match", header)]).await.unwrap_err();
        assert_eq!(
            (problem.status().as_u16(), problem.document().field.as_deref()),
            (422, Some("if-match")),
            "{header}"
        );
    }
}

#[tokio::test]
async fn a_reader_that_has_the_version_is_told_so_even_by_a_weakened_tag() {
    let now = etag(b"now");
    for (header, has) in
        [(now.to_string(), true), (format!("W/{now}"), true), ("*".to_owned(), true), ("\"x\"".to_owned(), false)]
    {
        let asked: IfNoneMatch = extract("/", &[("if-none-match", &header)]).await.unwrap();
        assert_eq!(asked.has(&now), has, "{header}");
    }
    assert!(!extract::<IfNoneMatch>("/", &[]).await.unwrap().has(&now));
    assert_eq!(now.not_modified().status(), 304);
    assert_eq!(now.not_modified().headers()[ETAG], now.to_string());
}

#[tokio::test]
async fn after_is_read_beside_other_query_fields() {
    let position = Position { commit: 7, prepare: u64::MAX };
    let after: After = extract(&format!("/?trial=A&after={}", after_token(position)), &[]).await.unwrap();
    assert_eq!(after, After(Some(position)));
    assert_eq!(extract::<After>("/?trial=A", &[]).await.unwrap(), After(None));
    for token in ["", "x", "AAAA", &"A".repeat(24)] {
        let problem = extract::<After>(&format!("/?after={token}"), &[]).await.unwrap_err();
        assert_eq!(problem.document().field.as_deref(), Some("after"), "{token}");
    }
}
