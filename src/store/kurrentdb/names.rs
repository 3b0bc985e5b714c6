//! The names of streams as the server knows them: a prefix before ours, and which of the server's streams are ours.

use eventstore::SubscriptionFilter;

use super::super::StreamName;

/// The stream that holds the log's id, in no category of the ledger's.
const ID_STREAM: &str = "ledgerLog-id";

/// Which streams of the server belong to this log.
#[derive(Clone, Debug)]
pub struct Names {
    prefix: String,
    ours: Ours,
}

#[derive(Clone, Debug)]
enum Ours {
    /// All that begin with the prefix.
    All,
    Categories(Vec<&'static str>),
    /// For what is not the ledger's: names are as the server knows them.
    Beside,
}

impl Names {
    pub fn new(prefix: &str, categories: &[&'static str]) -> Self {
        let ours = match categories {
            [] => Ours::All,
            categories => Ours::Categories(categories.to_vec()),
        };
        Self { prefix: prefix.to_owned(), ours }
    }

    /// For streams that are kept beside the log.
    pub fn beside() -> Self {
        Self { prefix: String::new(), ours: Ours::Beside }
    }

    /// As the server knows it.
    pub fn outer(&self, stream: &StreamName) -> String {
        format!("{}{stream}", self.prefix)
    }

    /// As the ledger knows it, where it is the ledger's.
    pub fn inner(&self, stream: &str) -> Option<StreamName> {
        let inner = stream.strip_prefix(&self.prefix)?;
        let name = StreamName(inner.to_owned());
        let is_ours = match &self.ours {
            Ours::All => !stream.starts_with('$') && inner != ID_STREAM,
            Ours::Categories(known) => inner.contains('-') && known.contains(&name.category()),
            Ours::Beside => true,
        };
        is_ours.then_some(name)
    }

    pub fn id_stream(&self) -> String {
        format!("{}{ID_STREAM}", self.prefix)
    }

    /// How many events may come through the filter that are not the log's: the one with its id.
    pub fn beside_ours(&self) -> usize {
        match self.ours {
            Ours::All => 1,
            Ours::Categories(_) | Ours::Beside => 0,
        }
    }

    /// What the server looks for when it reads the whole log.
    pub fn filter(&self) -> SubscriptionFilter {
        let filter = SubscriptionFilter::on_stream_name().max(crate::limits::KURRENTDB_SEARCH_WINDOW);
        match &self.ours {
            Ours::All | Ours::Beside if self.prefix.is_empty() => filter.exclude_system_events(),
            Ours::All | Ours::Beside => filter.add_prefix(&self.prefix),
            Ours::Categories(known) => known
                .iter()
                .fold(filter, |filter, category| filter.add_prefix(format!("{}{category}-", self.prefix))),
        }
    }

    pub fn filter_of(&self, category: &str) -> SubscriptionFilter {
        SubscriptionFilter::on_stream_name()
            .max(crate::limits::KURRENTDB_SEARCH_WINDOW)
            .add_prefix(format!("{}{category}-", self.prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_streams_with_the_prefix_and_of_the_ledgers_categories_are_the_ledgers() {
        let ours = Names::new("shop_", &["order", "seal"]);
        let any = Names::new("", &[]);
        let prefixed = Names::new("shop_", &[]);
        for (names, stream, inner) in [
            (&ours, "shop_order-demo.A1", Some("order-demo.A1")),
            (&ours, "shop_seal-ledger", Some("seal-ledger")),
            (&ours, "shop_ledgerLog-id", None),
            (&ours, "shop_orders-demo.A1", None),
            (&ours, "shop_order", None),
            (&ours, "order-demo.A1", None),
            (&ours, "$ce-shop_order", None),
            (&any, "order", Some("order")),
            (&any, "ledgerLog-id", None),
            (&any, "$stats-1", None),
            (&prefixed, "shop_x-1", Some("x-1")),
            (&prefixed, "shop_ledgerLog-id", None),
            (&prefixed, "x-1", None),
        ] {
            assert_eq!(names.inner(stream).as_ref().map(StreamName::as_str), inner, "{stream} in {names:?}");
        }
        assert_eq!(ours.outer(&StreamName("order-demo.A1".into())), "shop_order-demo.A1");
        assert_eq!(ours.id_stream(), "shop_ledgerLog-id");
    }
}
