use axum::extract::FromRequestParts;
use axum::http::Request;

use super::*;
use crate::Query;

async fn paging(query: &str) -> Result<Paging, Problem> {
    let (mut parts, ()) = Request::get(format!("/?{query}")).body(()).unwrap().into_parts();
    Query::from_request_parts(&mut parts, &()).await.map(|Query(paging)| paging)
}

#[tokio::test]
async fn pages_of_any_size_make_up_the_list_without_gap_or_repetition() {
    let list: Vec<u32> = (0..23).collect();
    for limit in [1, 5, 22, 23, 24, 200] {
        let mut seen = Vec::new();
        let mut query = format!("limit={limit}");
        loop {
            let paging = paging(&query).await.unwrap();
            let behind: Option<(String, u32)> = paging.place().unwrap();
            let fetched = list.iter().copied().filter(|n| behind.as_ref().is_none_or(|(_, last)| n > last));
            let page = paging.page(fetched.take(paging.fetch()).collect(), |last| ("ü/+".to_owned(), *last));
            assert!(page.items.len() <= limit && !page.items.is_empty());
            seen.extend(page.items);
            let Some(next) = page.next else { break };
            query = format!("limit={limit}&cursor={}", serde_json::to_value(next).unwrap().as_str().unwrap());
        }
        assert_eq!(seen, list, "limit {limit}");
    }
}

#[tokio::test]
async fn a_cursor_or_limit_that_is_none_is_refused_by_name() {
    assert_eq!(paging("").await.unwrap().limit(), 50);
    for limit in ["0", "201", "-1", "x", ""] {
        let problem = paging(&format!("limit={limit}")).await.unwrap_err();
        assert_eq!(problem.document().field.as_deref(), Some("limit"), "{limit}");
    }
    for cursor in ["", "x", "%00", "bnVsbA"] {
        let problem = paging(&format!("cursor={cursor}")).await.unwrap().place::<(String, u32)>().unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.document().field.as_deref()), (422, Some("cursor")), "{cursor}");
    }
}
