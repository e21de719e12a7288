//! What one call of each port takes, one after another, with nothing else going on.

use std::time::Instant;

use futures::StreamExt;
use ports::{Expected, FileKey, NewEvent, Ports, Position, Table, Work, WorkKind, Write};
use uuid::Uuid;

/// Calls of each kind.
const CALLS: usize = 100;
const TABLE: Table = Table { name: "round_trips", indexes: &[&["number"]] };

/// The median of some calls, in milliseconds.
async fn median(mut call: impl AsyncFnMut(usize)) -> f64 {
    let mut times = Vec::with_capacity(CALLS);
    for n in 0..CALLS {
        let began = Instant::now();
        call(n).await;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[CALLS / 2].as_secs_f64() * 1e3
}

fn event() -> NewEvent {
    let (data, metadata) = (br#"{"number":1}"#.as_slice().into(), b"{}".as_slice().into());
    NewEvent { id: Uuid::new_v4(), kind: "Measured".to_owned(), version: 1, data, metadata }
}

/// A call's name, and its median in milliseconds. The log is of no use afterwards: its projections do not know these events.
pub async fn measure(ports: &Ports) -> Vec<(&'static str, f64)> {
    let stream = |n: usize| format!("trial-round-trip-{n}");
    let append = median(async |n| {
        ports.log.append(&stream(n), Expected::NoStream, &[event()]).await.unwrap();
    });
    let append = append.await;
    let read = median(async |n| assert_eq!(ports.log.read(&stream(n), 0).await.unwrap().len(), 1)).await;
    let place = |n: usize| Position { commit: n as u64 + 1, prepare: n as u64 + 1 };
    let save = median(async |n| {
        let row = format!(r#"{{"number":{n}}}"#).into_bytes().into();
        let write = Write::Put { table: TABLE, key: n.to_string(), row };
        let from = n.checked_sub(1).map(place);
        ports.views.save("round_trips", from, place(n), vec![write]).await.unwrap();
    });
    let save = save.await;
    let get = median(async |n| assert!(ports.views.get(TABLE, &n.to_string()).await.unwrap().is_some())).await;
    let key = median(async |_| drop(ports.keys.key("round-trip").await.unwrap())).await;
    let file = |n: usize| FileKey::new(format!("derived/{n:064x}")).unwrap();
    let put = median(async |n| {
        let body = futures::stream::once(async { Ok(vec![7; 1024].into()) });
        ports.derived.put(&file(n), body.boxed()).await.unwrap();
    });
    let put = put.await;
    let fetch = median(async |n| {
        let mut body = ports.derived.get(&file(n), None).await.unwrap().unwrap();
        while let Some(bytes) = body.stream.next().await {
            bytes.unwrap();
        }
    });
    let fetch = fetch.await;
    let work = |n: usize| Work { kind: WorkKind::Render, id: format!("round-trip-{n}") };
    let offer = median(async |n| ports.queue.offer(&work(n)).await.unwrap()).await;
    let mut taken = Vec::new();
    let take = median(async |_| taken.push(ports.queue.take(WorkKind::Render).await.unwrap().unwrap())).await;
    let finish = median(async |_| ports.queue.finish(taken.pop().unwrap()).await.unwrap()).await;
    vec![
        ("log: append one event", append),
        ("log: read a stream", read),
        ("views: save one row and the position", save),
        ("views: get a row", get),
        ("keys: get a key", key),
        ("files: put 1 kB", put),
        ("files: get 1 kB", fetch),
        ("queue: offer", offer),
        ("queue: take", take),
        ("queue: finish", finish),
    ]
}
