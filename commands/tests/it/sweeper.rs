use jiff::SignedDuration;
use ports::{FileStore, Step, Worker};
use processors::sweeper::Sweeper;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;

use crate::world::{World, given};

#[tokio::test]
async fn what_no_record_names_goes_after_a_day_and_derived_files_stay() {
    let world = World::new().await;
    let record = world.stored("T-1", "a").await;
    world.put_file("trials/T-1/orphan/1", b"x").await;
    let derived = ports::FileKey::new("derived/0").unwrap();
    world.derived.put(&derived, Box::pin(futures::stream::empty())).await.unwrap();
    world.pass(23);
    world.put_file("trials/T-1/under-way/1", b"x").await;
    world.sweep().await.unwrap();
    assert_eq!(world.keys().await.len(), 3);
    world.pass(1);
    world.sweep().await.unwrap();
    let keys = world.keys().await;
    assert!(keys.len() == 2 && !keys.contains(&"trials/T-1/orphan/1".to_owned()), "{keys:?}");
    assert!(world.file_exists(&record["FileLocation"]).await);
    assert_eq!(world.derived.size(&derived).await.unwrap(), Some(0));
}

#[tokio::test]
async fn it_rests_between_sweeps() {
    let world = World::new().await;
    let every = SignedDuration::from_hours(1);
    let files = Arc::clone(&world.files) as Arc<dyn FileStore>;
    let mut sweeper =
        Sweeper::new(world.commands.clone(), Arc::clone(&world.documents), files, "trialbrief".to_owned(), every);
    let now = world.clock.now();
    let mut steps = 0;
    while sweeper.step(now).await.unwrap() == Step::Worked {
        steps += 1;
        assert!(steps < 10, "it never rests");
    }
    assert_eq!(sweeper.step(now).await.unwrap(), Step::Idle { until: Some(now + every) });
    assert_eq!(sweeper.step(now + every).await.unwrap(), Step::Worked);
}

/// Files by age, some of them named by one record or two, of which some are on their way out.
#[test]
fn it_removes_exactly_the_old_files_that_nobody_names() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let file = (0_i64..60, proptest::collection::vec(any::<bool>(), 0..3));
    let mut runner = TestRunner::new(Config { cases: 12, ..Config::default() });
    let cases = proptest::collection::vec(file, 0..20);
    let check = |files: Vec<(i64, Vec<bool>)>| {
        runtime.block_on(async {
            let world = World::new().await;
            let begin = world.clock.now();
            let mut by_age: Vec<_> = files.iter().enumerate().collect();
            by_age.sort_unstable_by_key(|(_, (age, _))| std::cmp::Reverse(*age));
            let mut expected = Vec::new();
            for (i, (age, leaving)) in by_age {
                world.clock.set(begin + SignedDuration::from_hours(60 - age));
                let key = format!("trials/T-1/{i:024x}/u");
                world.put_file(&key, b"x").await;
                for (j, leaving) in leaving.iter().enumerate() {
                    let mut record = given(&format!("{:024x}", 100 + i * 10 + j), &format!("s3://trialbrief/{key}"));
                    if *leaving {
                        record["LastChange"] = serde_json::json!({"Deleting": true});
                    }
                    world.insert(record).await;
                }
                let stays = leaving.iter().any(|leaving| !leaving);
                let goes_with_record = !leaving.is_empty() && !stays;
                if stays || (*age < 24 && !goes_with_record) {
                    expected.push(key);
                }
            }
            world.clock.set(begin + SignedDuration::from_hours(60));
            world.sweep().await.unwrap();
            expected.sort_unstable();
            prop_assert_eq!(world.keys().await, expected);
            prop_assert!(world.records().await.iter().all(|record| !http::document::is_leaving(record)));
            Ok(())
        })
    };
    runner.run(&cases, check).unwrap();
}
