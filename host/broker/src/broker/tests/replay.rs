//! A recorded run, replayed: the same again, and every way in which it is not.

use super::*;

/// What a guest might do in a run, and everything that it was shown.
async fn session(broker: &Broker, last: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut see = |answer: &dyn std::fmt::Debug| seen.push(format!("{answer:?}"));
    see(&broker.send(get("https://a.example/me")).await);
    see(&broker.send(get("https://a.example/denied")).await);
    let mut list = broker.pages(paged("https://a.example/l", CURSOR)).unwrap();
    see(&list.next().await);
    let many =
        ["https://a.example/x?wait=9", "https://a.example/y", "nonsense"].map(|url| paged(url, CURSOR));
    see(&broker.send_all(many.to_vec()).await);
    see(&list.next().await);
    see(&list.next().await);
    see(&list.next().await);
    let link = r#"{"scheme":"link-header","items":""}"#;
    let mut endless = broker.pages(paged("https://a.example/endless", link)).unwrap();
    see(&endless.next().await);
    see(&endless.next().await);
    see(&endless.next().await);
    let mut post = paged("https://a.example/form", r#"{"scheme":"single","items":"/v"}"#);
    post.body = Some(b"Action=List".to_vec());
    post.method = "POST".into();
    see(&broker.send(post).await);
    see(&broker.send_all(vec![paged("https://a.example/x", CURSOR); 6]).await);
    see(&broker.send(get(last)).await);
    seen
}

async fn recorded_session(limits: Limits) -> (Vec<String>, Arc<Kept>) {
    let bench =
        bench_with(limits, &["https://a.example/me /pin"], None, |request| match request.url.path() {
            "/me" => Ok(ok(r#"{"pin":1,"token":"s3cr3t-t0ken-value"}"#)),
            "/denied" => {
                let error = FetchError::new("denied", "no grant", false);
                Err(SendFailure { error, attempts: 0 })
            }
            "/endless" => Ok(Incoming {
                headers: vec![("link".into(), "</endless?p=2>; rel=next".into())],
                ..ok("[1]")
            }),
            _ => Ok(pages_of(request, 3)),
        });
    (session(&bench.broker, "https://a.example/last").await, bench.kept)
}

#[tokio::test]
async fn a_replayed_run_sees_and_records_the_same() {
    for limits in [Limits::default(), Limits { requests: 18, ..Limits::default() }] {
        let (seen, recording) = recorded_session(limits).await;
        let again = Arc::new(Kept::default());
        let broker = Broker::replay(recording.clone(), again.clone(), &limits);
        assert_eq!(session(&broker, "https://a.example/last").await, seen);
        assert_eq!(broker.divergences(), []);
        assert_eq!(*again.exchanges.lock().unwrap(), *recording.exchanges.lock().unwrap());
        assert_eq!(again.sorted_walks(), recording.sorted_walks());
    }
}

#[tokio::test]
async fn a_guest_that_asks_otherwise_is_told_apart() {
    let (_, recording) = recorded_session(Limits::default()).await;
    let broker = Broker::replay(recording.clone(), Arc::new(Kept::default()), &Limits::default());
    session(&broker, "https://a.example/other").await;
    let told: Vec<String> = broker.divergences().iter().map(Divergence::to_string).collect();
    assert_eq!(
        told,
        [
            "request 7.0.0 differs in url: recorded GET https://a.example/last, asked GET https://a.example/other"
        ]
    );
    let error = broker.send(get("https://a.example/more")).await.unwrap_err();
    assert_eq!(error.code, "replay");
    let more = broker.divergences();
    assert_eq!(
        more[1].to_string(),
        "request 8.0.0 was not made in the recorded run: asked GET https://a.example/more"
    );
    assert!(!more[0].is_loss() && !more[1].is_loss() && more[1].exchange().call == 8);

    let broker = Broker::replay(recording, Arc::new(Kept::default()), &Limits::default());
    let mut request = get("https://a.example/me");
    request.auth.as_mut().unwrap().params.push(("region".into(), "eu-west-1".into()));
    broker.send(request.clone()).await.unwrap_err();
    assert!(broker.divergences()[0].to_string().contains("differs in params"));
    let denied = broker.send(FetchRequest { auth: None, body: Some(vec![1]), ..request }).await.unwrap_err();
    assert!(denied.message.contains("differs in url and body and slot"), "{denied}");
}

#[tokio::test]
async fn a_missing_or_damaged_body_is_not_reperformable() {
    let (_, recording) = recorded_session(Limits::default()).await;
    let Answer::Response { body, .. } = recording.get("0.0.0").answer else { panic!() };
    recording.bodies.lock().unwrap().insert(body, b"changed".to_vec());
    let replay = || Broker::replay(recording.clone(), Arc::new(Kept::default()), &Limits::default());
    let broker = replay();
    let error = broker.send(get("https://a.example/me")).await.unwrap_err();
    assert!(
        error.message.starts_with("not re-performable: the body of exchange 0.0.0 should have"),
        "{error}"
    );
    recording.bodies.lock().unwrap().remove(&body);
    let broker = replay();
    let error = broker.send(get("https://a.example/me")).await.unwrap_err();
    assert!(error.message.contains("is not in the recording"), "{error}");
    assert!(broker.divergences()[0].is_loss());
}
