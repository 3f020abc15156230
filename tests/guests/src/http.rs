//! Uses `wasi:http` as a language's own client would.

use crate::{Failure, Settings, say};
use wasip2::http::outgoing_handler::{FutureIncomingResponse, handle};
use wasip2::http::types::{Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::poll::poll;
use wasip2::io::streams::StreamError;

fn request(method: &Method, path: &str, headers: &[(&str, &str)]) -> OutgoingRequest {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).expect("a header that may be set");
    }
    let request = OutgoingRequest::new(fields);
    request.set_method(method).expect("a method");
    request.set_scheme(Some(&Scheme::Https)).expect("a scheme");
    request.set_authority(Some("api.example.com")).expect("an authority");
    request.set_path_with_query(Some(path)).expect("a path");
    request
}

/// What came, as one line.
fn outcome(future: &FutureIncomingResponse) -> String {
    match future.get() {
        None => "nothing yet".to_owned(),
        Some(Err(())) => "taken before".to_owned(),
        Some(Ok(Err(error))) => format!("error {error:?}"),
        Some(Ok(Ok(response))) => {
            let exchange = response.headers().get("exhibit-exchange").concat();
            let status = response.status();
            let body = read(response.consume().expect("a body"));
            format!("{status} {} {}", String::from_utf8_lossy(&exchange), String::from_utf8_lossy(&body))
        }
    }
}

fn read(body: IncomingBody) -> Vec<u8> {
    let stream = body.stream().expect("a stream");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(7) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => break bytes,
            Err(error) => panic!("{error:?}"),
        }
    }
}

pub fn collect(settings: &Settings) -> Result<(), Failure> {
    let headers = [("accept", "application/json"), ("exhibit-auth", "api; region=eu-west-1")];
    let future = handle(request(&Method::Get, settings.text("path"), &headers), None).expect("handled");
    say(&format!("before waiting: {}", outcome(&future)));
    let pollable = future.subscribe();
    say(&format!("ready before waiting: {}", pollable.ready()));
    pollable.block();
    say(&format!("after waiting: {}", outcome(&future)));
    say(&format!("again: {}", outcome(&future)));
    Ok(())
}

/// Three at once, waited for in another order than made.
pub fn together(_: &Settings) -> Result<(), Failure> {
    let make = |path: &str| handle(request(&Method::Get, path, &[]), None).expect("handled");
    let futures = [make("/a"), make("/b"), make("/c")];
    let [a, b, c] = [futures[0].subscribe(), futures[1].subscribe(), futures[2].subscribe()];
    say(&format!("ready {:?}", poll(&[&c, &a, &b])));
    for future in &futures {
        say(&outcome(future));
    }
    Ok(())
}

/// A body in many pieces, larger than any buffer on the way.
pub fn post(settings: &Settings) -> Result<(), Failure> {
    let request = request(&Method::Post, "/post", &[]);
    let body = request.body().expect("a body");
    let future = handle(request, None).expect("handled");
    let stream = body.write().expect("a stream");
    let piece = vec![b'p'; 4096];
    for _ in 0..settings.number("count") {
        stream.blocking_write_and_flush(&piece).expect("written");
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("finished");
    future.subscribe().block();
    say(&outcome(&future));
    Ok(())
}

/// Makes more requests than anyone should, and waits for none.
pub fn abandon(settings: &Settings) -> Result<(), Failure> {
    for _ in 0..settings.number("count") {
        drop(handle(request(&Method::Get, "/never", &[]), None).expect("handled"));
    }
    let kept: Vec<_> = (0..settings.number("keep"))
        .map(|_| handle(request(&Method::Get, "/never", &[]), None).expect("handled"))
        .collect();
    let last = kept.last().expect("one");
    last.subscribe().block();
    say(&outcome(last));
    Ok(())
}

/// A timer beside a request: the request is answered, whatever the timer says.
pub fn with_timer(_: &Settings) -> Result<(), Failure> {
    let future = handle(request(&Method::Get, "/slow", &[]), None).expect("handled");
    let timer = wasip2::clocks::monotonic_clock::subscribe_duration(1_000_000);
    let answer = future.subscribe();
    say(&format!("ready {:?}", poll(&[&timer, &answer])));
    say(&outcome(&future));
    Ok(())
}
