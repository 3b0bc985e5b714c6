//! Looking through places that are behind, and through all of them at once.

use tokio::sync::Barrier;

use super::*;

/// No place answers before all have been asked.
struct Behind {
    all: Barrier,
    place: Option<&'static str>,
}

impl Behind {
    fn at(place: Option<&'static str>) -> Self {
        Self { all: Barrier::new(PLACES.len() + 1), place }
    }
}

#[async_trait]
impl Sources for Behind {
    async fn ask(&self, place: &Place, _: &str, _: DateTime<Utc>) -> Result<Answered, String> {
        self.all.wait().await;
        let is_behind = self.place == Some(place.name);
        let problem = is_behind.then(|| "knows the log to 3 of 5 only".to_owned());
        let position = Some(if is_behind { "3" } else { "5" }.to_owned());
        Ok(Answered { table: empty(), position, problem })
    }

    async fn refused(&self, _: &str) -> Result<Table, String> {
        self.all.wait().await;
        Ok(empty())
    }
}

fn empty() -> Table {
    Table { columns: vec![], rows: vec![] }
}

#[tokio::test]
async fn all_places_are_asked_at_once_and_one_that_is_behind_leaves_no_certainty() {
    for (behind, verdict) in [
        (None, Verdict::NoTrace),
        (Some("orders"), Verdict::CannotTell),
        (Some("operations"), Verdict::CannotTell),
        (Some("players_roles"), Verdict::CannotTell),
        // A log without bills needs no reconciliation.
        (Some(BILLED), Verdict::NoTrace),
    ] {
        let lookup = find(&Behind::at(behind), "N", DateTime::UNIX_EPOCH, Players::Shown).await;
        assert_eq!(lookup.verdict, verdict, "{behind:?}");
        let looked_in: Vec<_> = lookup.looked_in.iter().map(|looked| looked.place).collect();
        let places: Vec<_> = PLACES.iter().map(|place| place.name).chain([REFUSED]).collect();
        assert_eq!(looked_in, places);
        let problems: Vec<_> = lookup
            .looked_in
            .iter()
            .filter_map(|looked| Some((looked.place, looked.problem.as_deref()?)))
            .collect();
        let expected = behind.map(|place| (place, "knows the log to 3 of 5 only"));
        assert_eq!(problems, Vec::from_iter(expected));
    }
}
