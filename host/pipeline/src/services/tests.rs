//! What a guest can make the host remember, over a transport and a sink that are always content.

use super::*;
use exhibit_broker::record::{ExchangeSink, SinkError};
use exhibit_broker::redact::Redactions;
use exhibit_broker::transport::{Incoming, Outgoing, SendFailure, Transport};
use exhibit_evidence::exchange::Exchange;
use exhibit_evidence::record::Origin;
use exhibit_evidence::run::{Limits, RunId};
use exhibit_evidence::time::{Clock, Span, Timestamp};

const NOW: Timestamp = Timestamp::from_ms(1_772_618_400_000);

/// Answers everything with one user, knows what time it is, and keeps nothing.
struct Easy;

#[async_trait]
impl Transport for Easy {
    async fn send(&self, _: &Outgoing) -> Result<Incoming, SendFailure> {
        let body = b"[{}]".to_vec();
        Ok(Incoming { status: 200, headers: Vec::new(), body, attempts: 1, landed: None })
    }
}

impl Clock for Easy {
    fn now(&self) -> Timestamp {
        NOW
    }
}

impl ExchangeSink for Easy {
    fn exchange(&self, _: &Exchange, _: Option<&[u8]>, _: Option<&[u8]>) -> Result<(), SinkError> {
        Ok(())
    }

    fn walk(&self, _: &Walk) -> Result<(), SinkError> {
        Ok(())
    }
}

impl RunSink for Easy {
    fn record(&self, _: CanonicalRecord) -> Result<Taken, String> {
        Ok(Taken::New)
    }

    fn reject(&self, _: &Rejection) -> Result<(), String> {
        Ok(())
    }

    fn log(&self, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

const KIND: &str = "identity.account@1";

fn services() -> RunServices {
    let easy = Arc::new(Easy);
    let broker =
        Broker::live(easy.clone(), easy.clone(), easy.clone(), &Limits::default(), Redactions::default(), 1);
    let facts = RunFacts {
        run: RunId::new(NOW, 0),
        started_at: NOW,
        window: Span { start: NOW, end: NOW },
        kinds: Vec::new(),
    };
    let setup = RunSetup {
        facts,
        source: "okta-test".parse().unwrap(),
        wanted: BTreeSet::from([KIND.parse().unwrap()]),
        record_bytes: 1 << 20,
        expected_tenant: None,
        state: BTreeMap::new(),
    };
    let intake = Intake::new(exhibit_evidence::kind::builtin()).unwrap();
    RunServices::new(setup, broker, Arc::new(intake), easy)
}

fn user(exchange: ExchangeId) -> Item {
    let body_json = r#"{"attributes":{"login":"ada@example.com"}}"#.to_owned();
    let origins = vec![Origin { exchange, pointer: "/0".to_owned() }];
    Item { key: "ada".to_owned(), occurred_at_ms: None, body_json, origins }
}

/// What a guest can make the host remember has an end.
#[tokio::test]
async fn populations_and_the_lists_that_they_name_are_bounded() {
    let mut services = services();
    let asked = FetchRequest {
        method: "GET".into(),
        url: "https://a.example/".into(),
        headers: Vec::new(),
        body: None,
        auth: None,
        paging: None,
    };
    let exchange = services.send(asked).await.unwrap().exchange;
    for number in 0..POPULATIONS {
        assert_eq!(services.open_population(KIND, "all").await, Ok(number as u32));
    }
    let refused = services.open_population(KIND, "all").await.unwrap_err();
    assert!(refused.contains("at most 1000 populations"), "{refused}");

    for _ in 0..3 {
        services.from_exchange(0, exchange).await.unwrap();
        assert_eq!(services.emit(1, vec![user(exchange)]).await.map(|_| services.lists), Ok(2));
    }
    services.lists = LISTS;
    assert!(services.from_exchange(2, exchange).await.unwrap_err().contains("at most 1000000 lists"));
    assert_eq!(services.emit(1, vec![user(exchange)]).await, Ok(3), "refused, and the run goes on");
    assert_eq!(services.rejected, BTreeMap::from([("origins".to_owned(), 1)]));
}
