//! View saves on MongoDB: how long a small one takes, and how many rows a second large ones save.
//!
//! `cargo bench -p adapters --features distributed --bench mongodb [-- mongodb://…]`; without a URL a server of the tests is
//! started, which synchronises every commit.
#![cfg_attr(
    feature = "distributed",
    expect(
        clippy::print_stdout,
        clippy::unwrap_used,
        clippy::disallowed_methods,
        reason = "a benchmark measures and prints"
    )
)]

#[cfg(not(feature = "distributed"))]
fn main() {}

#[cfg(feature = "distributed")]
#[tokio::main]
async fn main() {
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let server = given.is_none().then(|| test_servers::mongodb::start(&["--sync-on-commit"]));
    let url = given.or_else(|| server.as_ref().map(|server| test_servers::mongodb::url(server, "bench"))).unwrap();
    measured::views(&*adapters::view_store::open(&url, &ports::Clock::system()).await.unwrap()).await;
}

#[cfg(feature = "distributed")]
mod measured {
    use std::time::Instant;

    use ports::{Find, Position, Table, ViewStore, Write};
    use serde_json::json;
    use uuid::Uuid;

    const SMALL: u64 = 200;
    const ROWS: u64 = 5_000;
    const DUE: Table = Table { name: "due", indexes: &[&["kind", "due"], &["slot"]] };

    fn at(n: u64) -> Position {
        Position { commit: n, prepare: n }
    }

    fn row(round: u64, n: u64) -> Write {
        let row = json!({"kind": "deliver", "due": round * 100 + n, "slot": format!("slot-{}", n % 97), "attempts": round,
            "report": Uuid::from_u64_pair(1, 2), "subscription": Uuid::from_u64_pair(3, n)});
        Write::Put { table: DUE, key: Uuid::from_u64_pair(n, 5).to_string(), row: row.to_string().into() }
    }

    /// Seconds of each save of so many rows, sorted.
    async fn saves(views: &dyn ViewStore, projection: &str, number: u64, rows: u64) -> Vec<f64> {
        views.save(projection, None, at(0), vec![row(0, 0)]).await.unwrap();
        let mut seconds = Vec::new();
        for n in 0..number {
            let writes = (0..rows).map(|key| row(n, key)).collect();
            let started = Instant::now();
            views.save(projection, Some(at(n)), at(n + 1), writes).await.unwrap();
            seconds.push(started.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        seconds
    }

    fn milliseconds(seconds: &[f64], part: f64) -> f64 {
        seconds[(seconds.len() as f64 * part) as usize] * 1e3
    }

    pub async fn views(views: &dyn ViewStore) {
        for (name, rows) in [("no row", 0), ("1 row", 1), ("10 rows", 10)] {
            let seconds = saves(views, name, SMALL, rows).await;
            let (median, worst) = (milliseconds(&seconds, 0.5), milliseconds(&seconds, 0.95));
            println!("view save of {name}: median {median:.1} ms, 95 of 100 within {worst:.1} ms");
        }
        for n in 0..3 {
            let writes = (0..ROWS).map(|key| row(n, key)).collect();
            let started = Instant::now();
            views.save("large", n.checked_sub(1).map(at), at(n), writes).await.unwrap();
            let seconds = started.elapsed().as_secs_f64();
            let what = if n == 0 { "mostly new" } else { "replaced" };
            println!("view save, {ROWS} {what} rows, 2 indexes: {seconds:.2} s, {:.0} rows/s", ROWS as f64 / seconds);
        }
        let (started, mut after, mut found) = (Instant::now(), None, 0);
        loop {
            let find = Find::all(500).equal("kind", "deliver").range("due", None, None).after(after);
            let page = views.find(DUE, &find).await.unwrap();
            found += page.len();
            let Some((key, row)) = page.last() else { break };
            after = Some((serde_json::from_slice::<serde_json::Value>(row).unwrap()["due"].clone(), key.clone()));
        }
        println!("view find, pages of 500: {:.0} rows/s", found as f64 / started.elapsed().as_secs_f64());
        let started = Instant::now();
        for n in 0..SMALL {
            views.get(DUE, &Uuid::from_u64_pair(n, 5).to_string()).await.unwrap().unwrap();
        }
        println!("view get: {:.1} ms", started.elapsed().as_secs_f64() / SMALL as f64 * 1e3);
    }
}
