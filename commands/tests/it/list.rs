use serde_json::{Value, json};

use crate::world::{World, given};

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["_id"].as_str().unwrap().to_owned()).collect()
}

/// All pages of a list, one after the other.
async fn all_pages(world: &World, query: &str) -> Vec<String> {
    let (mut listed, mut next) = (Vec::new(), String::new());
    loop {
        let page = world.get("rita", &format!("/api/documents?{query}{next}")).await.ok(200).json();
        listed.extend(ids(&page));
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => return listed,
        }
    }
}

#[tokio::test]
async fn a_trial_is_listed_whole_in_pages_and_nothing_else_is() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for i in 0..12 {
        world.stored("T-2", "other").await;
        let record = world.stored("T-1", &format!("d{i}")).await;
        expected.push(record["_id"].as_str().unwrap().to_owned());
    }
    expected.sort_unstable();
    // The page is whole before the log has seen anything, and stays so after.
    assert_eq!(all_pages(&world, "trial=T-1&limit=5").await, expected);
    world.observe().await;
    for limit in [1, 5, 12, 200] {
        assert_eq!(all_pages(&world, &format!("trial=T-1&limit={limit}")).await, expected, "{limit}");
    }
    let page = world.get("rita", "/api/documents?trial=T-1&limit=1").await.ok(200).json();
    assert!(page["items"][0].get("LastChange").is_none());
    world.get("rita", "/api/documents?trial=T-2").await.refused(404, "");
    world.get("rita", "/api/documents").await.refused(422, "trial");
    world.get("rita", "/api/documents?trial=T-1&limit=0").await.refused(422, "limit");
    world.get("rita", "/api/documents?trial=T-1&cursor=x").await.refused(422, "cursor");
}

/// More of them than are read at once, so that pages end between the readings.
#[tokio::test]
async fn records_that_state_no_trial_are_listed_where_their_file_lies() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for i in 0..700_u32 {
        let (id, trial) = (format!("{:024x}", i * 7 % 701), if i % 5 == 0 { "T-2" } else { "T-1" });
        let mut record = given(&id, &format!("s3://trialbrief/trials/{trial}/{i}"));
        if i % 3 == 0 {
            record["TrialId"] = json!(trial);
        }
        record["Kind"] = json!(if i % 100 == 1 { "rare" } else { "usual" });
        record["SiteId"] = json!(if i % 2 == 0 { "Saint Étienne" } else { "S-1" });
        world.insert(record).await;
        if trial == "T-1" {
            expected.push((id, i));
        }
    }
    world.observe().await;
    expected.sort_unstable();
    let those = |wanted: &dyn Fn(u32) -> bool| -> Vec<String> {
        expected.iter().filter(|(_, i)| wanted(*i)).map(|(id, _)| id.clone()).collect()
    };
    assert_eq!(all_pages(&world, "trial=T-1").await, those(&|_| true));
    assert_eq!(all_pages(&world, "trial=T-1&kind=rare&limit=3").await, those(&|i| i % 100 == 1));
    assert_eq!(all_pages(&world, "trial=T-1&site=Saint%20%C3%89tienne").await, those(&|i| i % 2 == 0));
    assert_eq!(all_pages(&world, "trial=T-1&site=S-1&status=none").await, [""; 0]);
    // What moved since the log looked is listed where it is now.
    let (moved, _) = &expected[0];
    world.patch("anna", moved, &[], &json!({"TrialId": "T-2"})).await.ok(200);
    assert!(!all_pages(&world, "trial=T-1").await.contains(moved));
}
