//! What the API answers: against what was put into the store, not against itself.

use super::client::Ask;
use super::world::{DAY_MS, KIND, SCRIPT, SOURCE, World, at, component, run};
use exhibit_evidence::digest::Digest;
use exhibit_ledger::proof::verify_consistency;
use exhibit_ledger::tree::{Tree, TreeHead, leaf_hash};
use exhibit_server::service::Act;

async fn get(world: &World, path: &str) -> super::client::Answer {
    Ask::get(path).token(&world.keys.operator).send(world.at).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_goes_on_while_runs_are_added() {
    let world = World::new().await;
    let host = world.service.host();
    for day in 4..=20 {
        run(&host.store, &host.signer, day);
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/runs?limit=3".to_owned();
    let mut more = 21;
    loop {
        let part = get(&world, &path).await.is(200).json();
        let items = part["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        seen.extend(
            items.iter().map(|item| item["started_at"].as_str().unwrap()[8..10].parse::<u32>().unwrap()),
        );
        let Some(next) = part["next"].as_str() else { break };
        path = format!("/api/v1/runs?limit=3&cursor={next}");
        run(&host.store, &host.signer, more);
        more += 1;
    }
    // Each that was there at the beginning once, the newest first; those that came meanwhile are newer.
    assert_eq!(seen, (1..=20).rev().collect::<Vec<_>>());
    let one = get(&world, &format!("/api/v1/runs?source={SOURCE}&period=2026-01-02")).await.is(200).json();
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    assert_eq!(one["items"][0]["records"], 121);
    for wrong in ["limit=0", "limit=501", "cursor=x", "limit=x", "unknown=1", "period=yesterday"] {
        get(&world, &format!("/api/v1/runs?{wrong}")).await.is(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_whole_in_parts_and_as_lines() {
    let world = World::new().await;
    let base = format!("/api/v1/runs/{}/records/{KIND}", world.runs[2]);
    let mut keys = Vec::new();
    let mut path = format!("{base}?limit=50");
    loop {
        let part = get(&world, &path).await.is(200).json();
        keys.extend(
            part["items"].as_array().unwrap().iter().map(|r| r["native_id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = part["next"].as_str() else { break };
        path = format!("{base}?limit=50&cursor={next}");
    }
    // As `accounts` in world.rs makes them.
    let mut expected: Vec<String> = (0..120).map(|n| format!("u{n:03}")).collect();
    expected.push("v003".to_owned());
    assert_eq!(keys, expected);
    let lines = Ask::get(&base).token(&world.keys.operator).header("accept", "application/x-ndjson");
    let lines = lines.send(world.at).await.is(200);
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    assert_eq!(lines.text().lines().count(), 121);
    assert!(lines.text().ends_with("}\n"));
    // A script in a record's value comes as the text that it is, under a type that no browser runs.
    let scripted = lines.text().lines().nth(8).unwrap();
    assert!(scripted.contains(SCRIPT));
    assert_eq!(lines.header("x-content-type-options"), "nosniff");
    let history =
        get(&world, &format!("/api/v1/datasets/{SOURCE}/{KIND}/history?id=u007")).await.is(200).json();
    let steps: Vec<_> = history.as_array().unwrap().iter().map(|s| s["change"].as_str().unwrap()).collect();
    assert_eq!(steps, ["added", "changed", "changed"]);
    assert_eq!(history[2]["record"]["attributes"]["note"], "seen on day 3");
    let line = lines.text().lines().nth(7).unwrap();
    assert_eq!(history[2]["digest"], Digest::of(line).to_string());
    let diff = format!("/api/v1/datasets/{SOURCE}/{KIND}/diff?from={}&to={}", world.runs[0], world.runs[2]);
    let first = get(&world, &format!("{diff}&limit=2")).await.is(200).json();
    let said = |part: &serde_json::Value| {
        let items = part["items"].as_array().unwrap().iter();
        items
            .map(|d| format!("{} {}", d["key"].as_str().unwrap(), d["change"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(said(&first), ["u007 changed", "v001 removed"]);
    let next = first["next"].as_str().unwrap();
    let rest = get(&world, &format!("{diff}&limit=2&cursor={next}")).await.is(200).json();
    assert_eq!(said(&rest), ["v003 added"]);
    assert!(rest["next"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_run_are_those_that_its_manifest_digests() {
    let world = World::new().await;
    let run = &world.runs[0];
    let detail = get(&world, &format!("/api/v1/runs/{run}")).await.is(200).json();
    for (file, digest) in detail["files"].as_object().unwrap() {
        let answer = get(&world, &format!("/api/v1/runs/{run}/files/{file}")).await.is(200);
        assert_eq!(Digest::of(&answer.body).to_string(), digest.as_str().unwrap(), "{file}");
        let tag = answer.header("etag").to_owned();
        assert_eq!(tag, format!("\"{}\"", digest.as_str().unwrap()));
        let path = format!("/api/v1/runs/{run}/files/{file}");
        let again =
            Ask::get(path).token(&world.keys.operator).header("if-none-match", format!("\"x\", W/{tag}"));
        let again = again.send(world.at).await.is(304);
        assert!(again.body.is_empty() && again.header("etag") == tag);
    }
    assert_eq!(detail["files"]["log"], detail["facts"]["log"]);
    assert_eq!(detail["facts"]["populations"][0]["basis"], "host_paged");
    let body = Digest::of(format!("[\"{SCRIPT}\"]"));
    let answer = get(&world, &format!("/api/v1/runs/{run}/bodies/{body}")).await.is(200);
    assert_eq!(Digest::of(&answer.body), body);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert!(answer.header("content-disposition").starts_with("attachment; "));
    assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_changes_its_tag() {
    let world = World::new().await;
    let first = get(&world, "/api/v1/runs").await.is(200);
    let tag = first.header("etag").to_owned();
    let same = || Ask::get("/api/v1/runs").token(&world.keys.operator).header("if-none-match", tag.clone());
    same().send(world.at).await.is(304);
    let host = world.service.host();
    run(&host.store, &host.signer, 9);
    let second = same().send(world.at).await.is(200);
    assert_ne!(second.header("etag"), tag);
    assert_eq!(second.header("cache-control"), "private, no-cache");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_sees_one_engagement() {
    let world = World::new().await;
    let host = world.service.host();
    // A run of the month after: not of this engagement.
    let after = run(&host.store, &host.signer, 40);
    let ask = |path: String| Ask::get(path).token(&world.keys.auditor).send(world.at);
    let listed = ask("/api/v1/runs".into()).await.is(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    ask(format!("/api/v1/runs/{after}")).await.is(404);
    ask(format!("/api/v1/runs/{after}/files/manifest")).await.is(404);
    let diff = format!("/api/v1/datasets/{SOURCE}/{KIND}/diff?from={}&to={after}", world.runs[0]);
    ask(diff).await.is(404);
    let leaf = host.store.leaf_of(&after).unwrap();
    ask(format!("/api/v1/log/leaves/{leaf}")).await.is(404);
    let leaves = ask("/api/v1/log/leaves?limit=500".into()).await.is(200).json();
    assert!(leaves["items"].as_array().unwrap().iter().all(|item| item["index"] != leaf));
    let steps = ask(format!("/api/v1/datasets/{SOURCE}/{KIND}/history?id=u007")).await.is(200).json();
    assert_eq!(steps.as_array().unwrap().len(), 3);
    ask("/api/v1/coverage?period=2026-02".into()).await.is(404);
    ask("/api/v1/coverage?period=2026-01-02".into()).await.is(200);
    let sets = ask("/api/v1/datasets".into()).await.is(200).json();
    assert_eq!((sets[0]["runs"].as_u64(), sets[0]["run"].as_str()), (Some(3), Some(world.runs[2].as_str())));
    let none = Ask::get("/api/v1/datasets").token(&world.keys.stranger).send(world.at).await.is(200).json();
    assert_eq!(none.as_array().unwrap().len(), 0);
    assert_eq!(DAY_MS, 24 * 60 * 60 * 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_approved_and_nothing_else() {
    let world = World::new().await;
    let path = format!("/api/v1/sources/{SOURCE}/approval");
    let asks = get(&world, &path).await.is(200).json();
    assert_eq!(asks["approved"], false);
    assert_eq!(asks["added"], asks["asks"]);
    assert!(
        asks["asks"][0].as_str().unwrap().contains("GET https://example.okta.com/api/v1/users"),
        "{asks}"
    );
    let approve = |component: &str, digest: &str| {
        let body = format!(r#"{{"component":"{component}","digest":"{digest}"}}"#);
        Ask::new("POST", path.clone()).token(&world.keys.operator).json(body).send(world.at)
    };
    let (component_digest, digest) = (asks["component"].as_str().unwrap(), asks["digest"].as_str().unwrap());
    approve(component_digest, &Digest::of("other").to_string()).await.is(409);
    assert_eq!(approve(component_digest, digest).await.is(200).json()["approved"], true);
    let source = get(&world, &format!("/api/v1/sources/{SOURCE}")).await.is(200).json();
    assert_eq!(source["approval"]["by"], "operator:ada");
    assert_eq!(source["approval"]["component"], component_digest);
    let lock = std::fs::read_to_string(world.dir.path().join("exhibit.lock")).unwrap();
    assert!(lock.contains(component_digest) && lock.contains("operator:ada"), "{lock}");
    // The loop is told to look.
    assert_eq!(world.orders.lock().unwrap()[..], [(Act::Reload, "operator:ada".to_owned())]);
    // Of two components, the one that is meant has to be named.
    world.service.host().workspace.add_component(&component("2.0.0")).unwrap();
    get(&world, &path).await.is(409);
    let other = Digest::of(component("2.0.0"));
    let asks = get(&world, &format!("{path}?component={other}")).await.is(200).json();
    assert_eq!((asks["version"].as_str(), asks["approved"].as_bool()), (Some("2.0.0"), Some(false)));
    assert_eq!(get(&world, "/api/v1/connectors").await.is(200).json().as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_proves_itself() {
    let world = World::new().await;
    world.prepared().await;
    let host = world.service.host();
    let size = host.store.head().size;
    // The tree made anew from the entries, by RFC 6962's own words.
    let entries: Vec<_> = (0..size).map(|index| host.store.statement(index).unwrap()).collect();
    let root =
        |n: u64| TreeHead { size: n, root: Tree::new(entries[..n as usize].iter().map(leaf_hash)).root() };
    let proof = get(&world, "/api/v1/log/consistency?from=2").await.is(200).json();
    let path: Vec<Digest> =
        proof["proof"].as_array().unwrap().iter().map(|h| h.as_str().unwrap().parse().unwrap()).collect();
    verify_consistency(&path, &root(2), &root(size)).unwrap();
    assert_eq!(proof["to_root"], root(size).root.to_string());
    get(&world, &format!("/api/v1/log/consistency?from=1&to={}", size + 1)).await.is(404);
    get(&world, "/api/v1/log/consistency?from=3&to=2").await.is(400);
    let note = get(&world, "/api/v1/log/checkpoint").await.is(200);
    assert!(note.text().starts_with(&format!("example.com/exhibit\n{size}\n")), "{}", note.text());
    let leaf = get(&world, "/api/v1/log/leaves/1").await.is(200);
    assert_eq!(leaf.body, entries[1]);
    let proof = get(&world, "/api/v1/log/leaves/1/proof").await.is(200);
    let proof = exhibit_ledger::tlog_proof::TlogProof::parse(&proof.body).unwrap();
    proof.verify(&entries[1], "example.com/exhibit", &[host.signer.verifier().clone()]).unwrap();
    let tile = get(&world, &format!("/api/v1/log/tile/0/000.p/{size}")).await.is(200);
    let hashes: Vec<u8> = entries.iter().flat_map(|entry| *leaf_hash(entry).as_bytes()).collect();
    assert_eq!(tile.body, hashes);
    for none in
        ["0/000", "0/000.p/255", "0/../../keys", "..%2f..%2fformat", "0/%2e%2e/000", "64/000", "entries/x"]
    {
        get(&world, &format!("/api/v1/log/tile/{none}")).await.is(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_attached_fills_its_period_and_comes_back_as_it_was() {
    let world = World::new().await;
    let file = b"%PDF-1.7 \x00\xff<script>".to_vec();
    let attach = |query: &str, token: &str| {
        let path = format!("/api/v1/uploads?control=HR-01&{query}");
        Ask::new("POST", path).token(token).body("application/pdf", file.clone()).send(world.at)
    };
    let coverage = async || {
        let all = get(&world, "/api/v1/coverage?period=2026-01&control=HR-01").await.is(200).json();
        all[0]["periods"][0].clone()
    };
    // The tenth of February: nothing was attached in time.
    assert_eq!(coverage().await["outcome"], "missed");
    let good = "period=2026-01&file=Protokoll%20%22M%C3%A4rz%22.pdf&effective=2026-01-31&revision=2";
    for wrong in [
        "period=2026-01-05&file=a.pdf&effective=2026-01-05",
        "period=2026-03&file=a.pdf&effective=2026-01-05",
        "period=2026-01&file=a.pdf&effective=2026-02-01",
        "period=2026-01&file=..%2Fa.pdf&effective=2026-01-05",
        "period=2026-01&file=a%0D%0AX-Y%3A%20z&effective=2026-01-05",
        "period=2026-01&file=a.pdf&effective=2026-01-05&expires=2026-01-04",
        "period=2026-01&file=a.pdf&effective=yesterday",
        "period=2026-01&file=a.pdf",
    ] {
        attach(wrong, &world.keys.ingest).await.is(400);
    }
    let made = attach(good, &world.keys.ingest).await.is(201).json();
    assert_eq!(made["sha256"], Digest::of(&file).to_string());
    assert_eq!((made["uploaded_by"].as_str(), made["bytes"].as_u64()), (Some("ingest:ingo"), Some(19)));
    attach(good, &world.keys.ingest).await.is(409);
    let filled = coverage().await;
    assert_eq!((filled["outcome"].as_str(), &filled["uploads"][0]), (Some("late"), &made["leaf"]));
    let back = get(&world, &format!("/api/v1/uploads/{}/file", made["leaf"])).await.is(200);
    assert_eq!(back.body, file);
    assert_eq!(
        back.header("content-disposition"),
        "attachment; filename=\"Protokoll__M_rz_.pdf\"; filename*=UTF-8''Protokoll%20%22M%C3%A4rz%22%2Epdf"
    );
    get(&world, "/api/v1/uploads/0/file").await.is(404);
    assert_eq!(at("2026-02-10T09:00:00Z"), world.service.host().clock.now());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_made_and_holds() {
    let world = World::new().await;
    let names = world.prepared().await;
    let id = &names.iter().find(|(name, _)| *name == "EXPORT").unwrap().1;
    let item = get(&world, &format!("/api/v1/exports/{id}")).await.is(200).json();
    let zip = Ask::get(format!("/api/v1/exports/{id}/file")).token(&world.keys.auditor).send(world.at).await;
    let zip = zip.is(200);
    assert_eq!(Digest::of(&zip.body).to_string(), item["sha256"].as_str().unwrap());
    assert_eq!(zip.body.len() as u64, item["bytes"].as_u64().unwrap());
    assert!(zip.header("content-disposition").contains("exhibit-2026-01.zip"));
    let file = world.dir.path().join("package.zip");
    std::fs::write(&file, &zip.body).unwrap();
    exhibit_verify::verify(&file, &exhibit_verify::Options::default()).unwrap();
    // The control's page leads to the file that was attached.
    let package = exhibit_package::read::Package::open(&file).unwrap();
    let text = |path: &str| String::from_utf8(package.read(path, 1 << 20).unwrap()).unwrap();
    let pages = package.files_below("data/controls/").map(text).collect::<Vec<_>>();
    let page = pages.iter().find(|page| page.contains("minutes.pdf")).unwrap();
    let link = page.split("href=\"../ledger/").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(package.read(&format!("data/ledger/{link}"), 1 << 20).unwrap(), b"%PDF");
    let ask = |ask: Ask| ask.token(&world.keys.operator).send(world.at);
    ask(Ask::new("POST", "/api/v1/exports").json(r#"{"period":"2025"}"#)).await.is(409);
    ask(Ask::new("DELETE", format!("/api/v1/exports/{id}"))).await.is(204);
    get(&world, &format!("/api/v1/exports/{id}/file")).await.is(404);
    for none in ["..%2f..%2fformat", "%2e%2e", "zzzzzzzzzzzzzzzz", "0000000000000000%00"] {
        get(&world, &format!("/api/v1/exports/{none}/file")).await.is(404);
    }
}
