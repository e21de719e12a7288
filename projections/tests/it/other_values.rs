//! A dimension has a line of its own for each of its first thousand values; the rest is "other".

use std::collections::BTreeMap;

use domain::figures::{DocumentSums, Figures};
use domain::id::Code;
use projections::{DocumentChanges, FiguresNow};

use crate::document_history::{History, Seen, document_id, trial};
use crate::world::{Following, run};

const MOST: u32 = 1_000;

fn sites(view: &Following) -> BTreeMap<String, DocumentSums> {
    let rows = view.rows.rows::<FiguresNow>().into_iter().filter(|now| now.dimension == "site");
    rows.map(|now| (now.value, now.figures.documents)).collect()
}

#[test]
fn the_thousand_and_first_value_counts_as_other_and_leaves_it_without_a_trace() {
    let seen = |file| Seen { trial: Some(0), codes: [None, None, None], file, uploaded: true, promised: None };
    let mut history = History::default();
    let see = |history: &mut History, number: u32, site: &str, file: u8| {
        history.see_at(&document_id(number), &seen(file), Some(Code::or_other(site)));
    };
    run(async {
        let mut view = Following::new(DocumentChanges, &history.log);
        (0..MOST).for_each(|number| see(&mut history, number, &format!("s{number}"), 0));
        view.catch_up().await;
        let full = sites(&view);
        assert_eq!(full.len(), 1_000);
        assert!(full.values().all(|sums| sums.present == 1));

        see(&mut history, MOST, "s1000", 0);
        see(&mut history, MOST + 1, "s1001", 0);
        view.catch_up().await;
        let more = sites(&view);
        assert_eq!(more.len(), 1_001);
        assert_eq!((more["other"].present, more["other"].found), (2, 2));

        // One further value for another is no move that anybody could see.
        see(&mut history, MOST, "s1002", 1);
        view.catch_up().await;
        let other = sites(&view)["other"];
        assert_eq!((other.present, other.changed, other.moved_in, other.moved_out), (2, 1, 0, 0));

        // To a value with a line of its own, and away.
        see(&mut history, MOST, "s0", 1);
        history.remove(&document_id(MOST + 1));
        view.catch_up().await;
        let left = sites(&view);
        assert_eq!((left["s0"].present, left["s0"].moved_in), (2, 1));
        let other = left["other"];
        assert_eq!((other.present, other.bytes, other.moved_out, other.removed), (0, 0, 1, 1));
        let row = view.views.get::<FiguresNow>(&format!("{}|site|other", trial(0))).await.unwrap().unwrap();
        assert_eq!(Figures { documents: DocumentSums::default(), ..row.figures }, Figures::default());
    });
}
