//! People at a browser: signing in and out, forged forms, guessed tokens, what pages may do.

use super::client::{Answer, Ask};
use super::world::{World, at};
use exhibit_server::http::tokens::Role;

async fn sign_in(world: &World, token: &str) -> Answer {
    Ask::new("POST", "/login").form(&format!("token={token}&next=%2Fapi%2Fv1%2Fme")).send(world.at).await
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_out() {
    let world = World::new().await;
    let sent = Ask::get("/logout?x=1").header("accept", "text/html").send(world.at).await.is(405);
    assert!(sent.text().contains("<h1>Method Not Allowed</h1>"));
    let form = Ask::get("/login?next=%2Fruns").send(world.at).await.is(200);
    assert!(form.text().contains("name=\"next\" value=\"/runs\""));
    let opened = sign_in(&world, &world.keys.auditor).await.is(303);
    assert_eq!(opened.header("location"), "/api/v1/me");
    assert!(opened.header("set-cookie").contains("; HttpOnly; SameSite=Lax"));
    let cookie = cookie(&opened);
    let me = Ask::get("/api/v1/me").header("cookie", cookie.clone()).send(world.at).await.is(200).json();
    assert_eq!((me["who"].as_str(), me["engagement"].as_str()), (Some("auditor:audrey"), Some("2026-01")));
    // A forged header is not helped by a cookie beside it.
    let both = Ask::get("/api/v1/me").header("cookie", cookie.clone()).token("forged");
    both.send(world.at).await.is(401);
    let wrong = sign_in(&world, "exhibit_0").await.is(401);
    assert!(wrong.text().contains("not valid") && wrong.header("set-cookie").is_empty());
    // Revoked, its sessions end with it.
    world.tokens.revoke(&"audrey".parse().unwrap(), "command", at("2026-02-10T10:00:00Z")).unwrap();
    Ask::get("/api/v1/me").header("cookie", cookie).send(world.at).await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_another_site_sends_does_nothing() {
    let world = World::new().await;
    let opened = sign_in(&world, &world.keys.operator).await.is(303);
    let cookie = cookie(&opened);
    let host = world.service.host();
    let pause = |headers: &[(&str, &str)]| {
        let ask = Ask::new("POST", "/api/v1/sources/okta-prod/pause").header("cookie", cookie.clone());
        headers.iter().fold(ask, |ask, (name, value)| ask.header(name, *value))
    };
    for headers in [
        &[][..],
        &[("x-csrf-token", "guessed")],
        &[("origin", "https://evil.example")],
        &[("sec-fetch-site", "cross-site"), ("x-csrf-token", "guessed")],
    ] {
        pause(headers).send(world.at).await.is(403);
    }
    pause(&[]).form("csrf=guessed").send(world.at).await.is(403);
    assert!(world.orders.lock().unwrap().is_empty(), "nothing was ordered");
    // Sign-in, too, is not for other sites' forms: nobody is signed in as someone else.
    let token = format!("token={}", world.keys.operator);
    let elsewhere = Ask::new("POST", "/login").form(&token).header("origin", "https://evil.example");
    assert!(elsewhere.send(world.at).await.is(403).header("set-cookie").is_empty());
    drop(host);
    // A program with a token needs none of it: no browser sends that by itself.
    let program = Ask::new("POST", "/api/v1/sources/okta-prod/pause").token(&world.keys.operator);
    program.header("origin", "https://evil.example").send(world.at).await.is(200);
    assert_eq!(world.orders.lock().unwrap().len(), 1);
    assert_eq!(world.orders.lock().unwrap()[0].1, "operator:ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_s_own_token_lets_a_form_through() {
    let world = World::new().await;
    let opened = sign_in(&world, &world.keys.operator).await.is(303);
    let cookie = cookie(&opened);
    let csrf = Ask::get("/api/v1/me").header("cookie", cookie.clone()).send(world.at).await.json()["csrf"]
        .as_str()
        .unwrap()
        .to_owned();
    let logout = |ask: Ask| ask.header("cookie", cookie.clone()).header("sec-fetch-site", "same-origin");
    logout(Ask::new("POST", "/logout").form("csrf=other")).send(world.at).await.is(403);
    let pause = Ask::new("POST", "/api/v1/sources/okta-prod/pause").header("x-csrf-token", csrf.clone());
    logout(pause).send(world.at).await.is(200);
    let gone = logout(Ask::new("POST", "/logout").form(&format!("csrf={csrf}"))).send(world.at).await.is(303);
    assert!(gone.header("set-cookie").contains("Max-Age=0"));
    Ask::get("/api/v1/me").header("cookie", cookie).send(world.at).await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_waits() {
    let world = World::new().await;
    for _ in 0..5 {
        sign_in(&world, "exhibit_guess").await.is(401);
    }
    let told = sign_in(&world, &world.keys.operator).await.is(429);
    let wait: u64 = told.header("retry-after").parse().unwrap();
    assert!((1..=31).contains(&wait), "{wait}");
    // Who has a session, or a token at hand, is not kept out by others who guess.
    Ask::get("/api/v1/me").token(&world.keys.operator).send(world.at).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_end_and_are_in_the_ledger() {
    let world = World::new().await;
    let ask = |ask: Ask| ask.token(&world.keys.operator).send(world.at);
    let made =
        r#"{"name":"new-one","role":"auditor","engagement":"2026-01","expires_at":"2026-03-01T00:00:00Z"}"#;
    let made = ask(Ask::new("POST", "/api/v1/tokens").json(made)).await.is(201).json();
    let token = made["token"].as_str().unwrap();
    Ask::get("/api/v1/runs").token(token).send(world.at).await.is(200);
    let again = r#"{"name":"new-one","role":"operator"}"#;
    ask(Ask::new("POST", "/api/v1/tokens").json(again)).await.is(409);
    let listed = ask(Ask::get("/api/v1/tokens")).await.is(200);
    assert!(listed.text().contains("new-one") && !listed.text().contains(token));
    world.clock.set(at("2026-03-01T00:00:00Z"));
    Ask::get("/api/v1/runs").token(token).send(world.at).await.is(401);
    ask(Ask::new("DELETE", "/api/v1/tokens/new-one")).await.is(200);
    let said = |name: &str| {
        let host = world.service.host();
        let leaves = host.store.leaves(Some(exhibit_ledger::statement::LeafKind::Settings)).unwrap();
        let all = leaves.iter().map(|leaf| host.store.statement(leaf.index).unwrap());
        let all = all.map(|leaf| exhibit_ledger::statement::Statement::from_leaf_unverified(&leaf).unwrap());
        all.filter(|said| said.subject().unwrap().name == format!("tokens/{name}"))
            .map(|said| String::from_utf8(said.predicate.to_bytes()).unwrap())
            .collect::<Vec<_>>()
    };
    let [added, revoked] = &said("new-one")[..] else { panic!("{:?}", said("new-one")) };
    assert!(added.contains(r#""act":"token-added""#) && added.contains(r#""by":"operator:ada""#), "{added}");
    assert!(added.contains(r#""engagement":"2026-01""#) && revoked.contains("token-revoked"), "{revoked}");
    // What is done on the command line meanwhile is there soon after.
    let role = Role::Ingest;
    world.tokens.add(&"by-hand".parse().unwrap(), role, None, "command", at("2026-03-01T00:00:00Z")).unwrap();
    for _ in 0..100 {
        if !said("by-hand").is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("a token that was added on the command line did not come into the ledger");
}
