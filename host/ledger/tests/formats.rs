//! Keys, notes, checkpoints, proof files, envelopes, statements and seals: against the specifications' own
//! examples, against the crate `signed_note`, and against every way to alter them.
#![allow(clippy::unwrap_used)]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use exhibit_evidence::canonical::{Value, is_canonical};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::secret::Secret;
use exhibit_ledger::checkpoint::{Checkpoint, CheckpointError};
use exhibit_ledger::dsse::{Envelope, EnvelopeError, pae};
use exhibit_ledger::key::{KeyError, SigningKey, VerifierKey};
use exhibit_ledger::note::{Note, NoteError};
use exhibit_ledger::seal::{Addendum, Outcome, SEAL_FORMAT, Seal, SealError, Slot};
use exhibit_ledger::statement::{LeafKind, MAX_LEAF_BYTES, Statement, StatementError};
use exhibit_ledger::tlog_proof::TlogProof;
use exhibit_ledger::tree::{Tree, TreeHead, leaf_hash};
use proptest::prelude::*;

const ORIGIN: &str = "evidence.example.com/ledger";

// The example of Go's sumdb/note package, and of the specification.
const PETER_SIGNER: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_SIGNATURE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap()
}

fn verifiers() -> Vec<VerifierKey> {
    vec![key().verifier().clone()]
}

#[test]
fn the_specification_s_example_signs_and_verifies() {
    let signer = SigningKey::from_text(&Secret::new(PETER_SIGNER.into())).unwrap();
    assert_eq!(signer.verifier().to_string(), PETER_VERIFIER);
    assert_eq!(signer.to_text().expose(), PETER_SIGNER);
    let expected = format!("{PETER_TEXT}\n{PETER_SIGNATURE}");
    let note = Note::sign(PETER_TEXT, &[&signer]).unwrap();
    assert_eq!(String::from_utf8(note.to_bytes()).unwrap(), expected);
    let parsed = Note::parse(expected.as_bytes()).unwrap();
    assert_eq!(parsed, note);
    parsed.verify(&[PETER_VERIFIER.parse().unwrap()]).unwrap();
}

#[test]
fn keys_are_those_of_rfc_8032_and_print_stars() {
    // RFC 8032 section 7.1, test 1.
    let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let key = SigningKey::from_seed(ORIGIN, &seed.try_into().unwrap()).unwrap();
    assert_eq!(
        hex::encode(key.verifier().public_bytes()),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
    assert_eq!(format!("{key:?}"), format!("SigningKey({ORIGIN} ***)"));
    // RFC 8410 section 10.1: the header of an Ed25519 SubjectPublicKeyInfo is these twelve bytes.
    let pem = key.verifier().to_pem().unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64_STANDARD.decode(body).unwrap();
    assert_eq!(hex::encode(&der[..12]), "302a300506032b6570032100");
    assert_eq!(&der[12..], key.verifier().public_bytes());
    assert_eq!(key.verifier().spki_digest().unwrap(), Digest::of(&der));
}

#[test]
fn wrong_keys_say_what_is_wrong_and_repeat_no_secret() {
    let signer = |text: &str| SigningKey::from_text(&Secret::new(text.into())).unwrap_err();
    let verifier = |text: &str| text.parse::<VerifierKey>().unwrap_err();
    assert!(matches!(signer(PETER_VERIFIER), KeyError::Form { .. }));
    assert!(matches!(verifier(PETER_SIGNER), KeyError::Form { .. }));
    assert!(matches!(signer(&PETER_SIGNER.replace("c74f", "c74e")), KeyError::Hash { .. }));
    assert!(matches!(verifier(&PETER_VERIFIER.replace("Peter", "Pater")), KeyError::Hash { .. }));
    assert!(matches!(verifier(&PETER_VERIFIER.replace("c74f20a3", "C74F20A3")), KeyError::Hash { .. }));
    assert!(matches!(verifier("a+00000000+AgAA"), KeyError::Algorithm { algorithm: 2, .. }));
    assert!(matches!(verifier("a+00000000+AQAA"), KeyError::Form { .. }));
    assert!(matches!(verifier("a b+00000000+AQAA"), KeyError::Name(_)));
    assert!(matches!(verifier(""), KeyError::Form { .. }));
    assert!(matches!(SigningKey::from_seed("a+b", &[0; 32]), Err(KeyError::Name(_))));
    for cut in 1..PETER_SIGNER.len() {
        let error = signer(&PETER_SIGNER[..cut]);
        assert!(!error.to_string().contains("AYEK"), "{error}");
        let error = verifier(&PETER_SIGNER[12..cut.max(12)]);
        assert!(!error.to_string().contains("AYEK"), "{error}");
    }
}

#[test]
fn malformed_notes_are_refused() {
    let good = format!("{PETER_TEXT}\n{PETER_SIGNATURE}");
    for (bad, what) in [
        (String::new(), "empty"),
        (PETER_TEXT.to_owned(), "no signatures"),
        (good.trim_end().to_owned(), "no last newline"),
        (good.replace("\n\n", "\n"), "no blank line"),
        (good.replace("— ", "- "), "a hyphen"),
        (good.replace("you ", "you\t"), "a control character"),
        (good.replace("you ", "you\r\n"), "a carriage return"),
        (format!("{good}\n"), "a blank line more"),
        (format!("{good}— x\n"), "a signature cut"),
        (format!("{good}— a+b AAAAAAA=\n"), "a bad name"),
        (format!("{good}— a AAAAAA==\n"), "no signature bytes"),
        (format!("{PETER_TEXT}\n{}", PETER_SIGNATURE.repeat(101)), "too many"),
    ] {
        assert!(Note::parse(bad.as_bytes()).is_err(), "{what}");
        assert!(
            signed_note::Note::from_bytes(bad.as_bytes()).is_err() || what == "a carriage return",
            "{what}"
        );
    }
    assert!(Note::parse(&[0xff; 40]).is_err());
    assert!(Note::parse(&vec![b'a'; 1_000_001]).is_err());
    assert_eq!(
        Note::sign("no newline", &[&key()]),
        Err(NoteError::Form("its text does not end with a newline"))
    );
}

#[test]
fn unknown_signatures_are_kept_and_ignored_but_forged_ones_are_not() {
    let witness = SigningKey::from_seed("witness.example.org", &[9; 32]).unwrap();
    let both = Note::sign(PETER_TEXT, &[&key(), &witness]).unwrap();
    assert_eq!(both.verify(&verifiers()).unwrap().len(), 1);
    let known = [key().verifier().clone(), witness.verifier().clone()];
    assert_eq!(both.verify(&known).unwrap().len(), 2);

    let text = String::from_utf8(both.to_bytes()).unwrap();
    let altered = Note::parse(text.replace("answer", "Answer").as_bytes()).unwrap();
    assert!(matches!(altered.verify(&verifiers()), Err(NoteError::Invalid { .. })));
    let error = both.verify(&[PETER_VERIFIER.parse().unwrap()]).unwrap_err();
    assert!(error.to_string().contains("witness.example.org+"), "{error}");
    assert!(both.verify(&[]).is_err());

    // Another key under the same name: an impostor's signature is an unknown one.
    let impostor = SigningKey::from_seed(ORIGIN, &[8; 32]).unwrap();
    let forged = Note::sign(PETER_TEXT, &[&impostor]).unwrap();
    assert!(matches!(forged.verify(&verifiers()), Err(NoteError::NoKnownKey { .. })));

    let mut cosigned = Note::sign(PETER_TEXT, &[&key()]).unwrap();
    cosigned.add_signature(both.signatures()[1].clone());
    cosigned.add_signature(both.signatures()[1].clone());
    assert_eq!(cosigned, both);
}

/// Under a key of small order, a signature of nothing fits every text (R the neutral element, s zero).
#[test]
fn a_key_that_everything_fits_is_worth_nothing() {
    let neutral: [u8; 32] = std::array::from_fn(|i| u8::from(i == 0));
    let bytes = [[1].as_slice(), &neutral].concat();
    let id = signed_note::key_id("weak", &bytes);
    let weak: VerifierKey = format!("weak+{id:08x}+{}", BASE64_STANDARD.encode(&bytes)).parse().unwrap();
    let signature = [&id.to_be_bytes(), neutral.as_slice(), &[0; 32]].concat();
    let note = format!("any text\n\n— weak {}\n", BASE64_STANDARD.encode(signature));
    let note = Note::parse(note.as_bytes()).unwrap();
    assert!(matches!(note.verify(&[weak]), Err(NoteError::Invalid { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn notes_are_those_of_signed_note(seed in any::<[u8; 32]>(), name in "[a-z./]{1,20}", text in "[ -~é\n]{0,60}") {
        let text = format!("{text}\n");
        let ours = SigningKey::from_seed(&name, &seed).unwrap();
        let theirs = signed_note::StandardSigner::new(ours.to_text().expose()).unwrap();
        let mut note = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
        note.add_sigs(&[&theirs]).unwrap();
        let ours_bytes = Note::sign(&text, &[&ours]).unwrap().to_bytes();
        prop_assert_eq!(&ours_bytes, &note.to_bytes());
        let known = signed_note::StandardVerifier::new(&ours.verifier().to_string()).unwrap();
        let known = signed_note::VerifierList::new(vec![Box::new(known)]);
        signed_note::Note::from_bytes(&ours_bytes).unwrap().verify(&known).unwrap();
        let read = ours.verifier().to_string().parse::<VerifierKey>().unwrap();
        prop_assert_eq!(&read, ours.verifier());
    }

    #[test]
    fn no_altered_byte_of_a_checkpoint_passes(at in any::<prop::sample::Index>(), flip in 1u8..=255) {
        let good = Checkpoint::sign(head(5), &key()).unwrap().to_bytes();
        let mut bad = good.clone();
        let at = at.index(bad.len());
        bad[at] ^= flip;
        prop_assert!(Checkpoint::open(&bad, ORIGIN, &verifiers()).is_err());
    }

    #[test]
    fn no_altered_byte_of_a_proof_passes(index in 0u64..20, at in any::<prop::sample::Index>(), flip in 1u8..=255) {
        let (good, entry) = proof(index);
        TlogProof::parse(&good).unwrap().verify(&entry, ORIGIN, &verifiers()).unwrap();
        let mut bad = good.clone();
        let at = at.index(bad.len());
        bad[at] ^= flip;
        let passes = TlogProof::parse(&bad).is_ok_and(|p| p.verify(&entry, ORIGIN, &verifiers()).is_ok());
        prop_assert!(!passes);
    }

    #[test]
    fn no_altered_byte_of_a_leaf_passes(at in any::<prop::sample::Index>(), flip in 1u8..=255) {
        let good = run_statement().to_leaf(&key()).unwrap();
        let mut bad = good.clone();
        let at = at.index(bad.len());
        bad[at] ^= flip;
        // The key id is a hint that nothing relies on; the log's own hash covers it.
        let said = Statement::from_leaf(&bad, &verifiers());
        let keyid = String::from_utf8(good).unwrap().find("keyid").unwrap();
        prop_assert!(said.is_err() || (keyid + 8..keyid + 8 + 64).contains(&at), "byte {at}");
    }

    #[test]
    fn any_bytes_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Note::parse(&bytes).is_err());
        prop_assert!(TlogProof::parse(&bytes).is_err());
        prop_assert!(Envelope::parse(&bytes).is_err());
        prop_assert!(Seal::parse(&bytes).is_err());
    }
}

fn tree(size: u64) -> Tree {
    Tree::new((0..size).map(|n| leaf_hash(n.to_string())))
}

fn head(size: u64) -> TreeHead {
    tree(size).head()
}

fn proof(index: u64) -> (Vec<u8>, Vec<u8>) {
    let tree = tree(20);
    let checkpoint = Checkpoint::sign(tree.head(), &key()).unwrap();
    let proof = TlogProof { index, path: tree.inclusion(index).unwrap(), checkpoint, extra: None };
    (proof.to_bytes(), index.to_string().into_bytes())
}

#[test]
fn a_checkpoint_is_three_lines() {
    let checkpoint = Checkpoint::sign(TreeHead { size: 20_852_163, root: Digest::of([]) }, &key()).unwrap();
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; // printf '' | openssl dgst -sha256 -binary | base64
    assert_eq!(checkpoint.note().text(), format!("{ORIGIN}\n20852163\n{root}\n"));
    let read = Checkpoint::open(&checkpoint.to_bytes(), ORIGIN, &verifiers()).unwrap();
    assert_eq!(read, checkpoint);
    assert_eq!(read.head().size, 20_852_163);
    let error = Checkpoint::open(&checkpoint.to_bytes(), "other.example.com", &verifiers()).unwrap_err();
    assert!(matches!(error, CheckpointError::OtherLog { .. }));
}

#[test]
fn malformed_checkpoints_are_refused_however_well_signed() {
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for text in [
        format!("{ORIGIN}\n"),
        format!("{ORIGIN}\n5\n"),
        format!("\n5\n{root}\n"),
        format!("{ORIGIN}\n05\n{root}\n"),
        format!("{ORIGIN}\n+5\n{root}\n"),
        format!("{ORIGIN}\n18446744073709551616\n{root}\n"),
        format!("{ORIGIN}\n5\n{}\n", &root[4..]),
        format!("{ORIGIN}\n5\n{}\n", root.trim_end_matches('=')),
        format!("{ORIGIN}\n5\n{root}\n\nextension\n"),
    ] {
        let note = Note::sign(&text, &[&key()]).unwrap().to_bytes();
        assert!(matches!(Checkpoint::parse(&note), Err(CheckpointError::Form(_))), "{text}");
    }
    let extended = Note::sign(&format!("{ORIGIN}\n5\n{root}\nextension\n"), &[&key()]).unwrap().to_bytes();
    Checkpoint::open(&extended, ORIGIN, &verifiers()).unwrap();
}

#[test]
fn a_witness_alone_does_not_make_a_checkpoint() {
    let witness = SigningKey::from_seed("witness.example.org", &[9; 32]).unwrap();
    let signed = Checkpoint::sign(head(5), &key()).unwrap();
    let only_witness = Note::sign(signed.note().text(), &[&witness]).unwrap().to_bytes();
    let known = [key().verifier().clone(), witness.verifier().clone()];
    assert!(Checkpoint::open(&only_witness, ORIGIN, &known).is_err());
}

#[test]
fn proof_files_have_the_form_of_the_specification() {
    let (bytes, entry) = proof(7);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let mut lines = text.lines();
    assert_eq!((lines.next(), lines.next()), (Some("c2sp.org/tlog-proof@v1"), Some("index 7")));
    assert_eq!(lines.by_ref().take_while(|line| !line.is_empty()).count(), 5); // 20 leaves: 5 levels
    assert_eq!(lines.next(), Some(ORIGIN));

    let mut read = TlogProof::parse(&bytes).unwrap();
    read.verify(&entry, ORIGIN, &verifiers()).unwrap();
    assert!(read.verify(b"another entry", ORIGIN, &verifiers()).is_err());
    read.extra = Some(b"beside it".to_vec());
    let again = TlogProof::parse(&read.to_bytes()).unwrap();
    assert_eq!(again, read);
    again.verify(&entry, ORIGIN, &verifiers()).unwrap();

    for (from, to) in [("@v1", "@v2"), ("index 7", "index 07"), ("index 7", "7"), ("index 7", "index 8")] {
        let bad = text.replacen(from, to, 1);
        let passes =
            TlogProof::parse(bad.as_bytes()).is_ok_and(|p| p.verify(&entry, ORIGIN, &verifiers()).is_ok());
        assert!(!passes, "{to}");
    }
    let only = Tree::new([leaf_hash(b"only")]);
    let checkpoint = Checkpoint::sign(only.head(), &key()).unwrap();
    let single = TlogProof { index: 0, path: Vec::new(), checkpoint, extra: None };
    TlogProof::parse(&single.to_bytes()).unwrap().verify(b"only", ORIGIN, &verifiers()).unwrap();
}

fn run_statement() -> Statement {
    let predicate = Value::parse(br#"{"source":"okta-prod","verdict":"complete"}"#).unwrap();
    Statement::new(LeafKind::Run, "runs/20260304T100000Z-1f3a9c02/manifest.json", Digest::of("m"), predicate)
}

#[test]
fn envelopes_sign_what_the_specification_signs() {
    // The specification's own example: protocol.md, "Test vectors".
    assert_eq!(
        pae("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
    let envelope = Envelope::sign("text/plain", b"hello".to_vec(), &key()).unwrap();
    let bytes = envelope.to_bytes().unwrap();
    assert!(is_canonical(&bytes));
    assert_eq!(Envelope::parse(&bytes).unwrap(), envelope);
    assert_eq!(envelope.verify("text/plain", &verifiers()).unwrap(), b"hello");
    assert!(matches!(envelope.verify("text/html", &verifiers()), Err(EnvelopeError::OtherType { .. })));
    let other = SigningKey::from_seed(ORIGIN, &[8; 32]).unwrap();
    assert!(matches!(
        envelope.verify("text/plain", &[other.verifier().clone()]),
        Err(EnvelopeError::Unsigned { signatures: 1, .. })
    ));
}

#[test]
fn a_leaf_is_an_in_toto_statement() {
    let statement = run_statement();
    let payload = String::from_utf8(statement.to_bytes().unwrap()).unwrap();
    assert_eq!(
        payload,
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","predicate":{{"source":"okta-prod","verdict":"complete"}},"predicateType":"urn:exhibit:leaf:run:1","subject":[{{"digest":{{"sha256":"{}"}},"name":"runs/20260304T100000Z-1f3a9c02/manifest.json"}}]}}"#,
            Digest::of("m")
        )
    );
    let leaf = statement.to_leaf(&key()).unwrap();
    assert_eq!(Statement::from_leaf(&leaf, &verifiers()).unwrap(), statement);
    assert_eq!(Statement::from_leaf_unverified(&leaf).unwrap(), statement);
    for kind in LeafKind::ALL {
        let statement = Statement { kind, ..run_statement() };
        assert_eq!(
            Statement::from_leaf(&statement.to_leaf(&key()).unwrap(), &verifiers()).unwrap(),
            statement
        );
    }
}

#[test]
fn statements_have_bounds() {
    let empty = Statement { subjects: Vec::new(), ..run_statement() };
    assert!(matches!(empty.to_leaf(&key()), Err(StatementError::NoSubject(LeafKind::Run))));
    let of_bytes = |n: usize| {
        let note = Value::String("x".repeat(n));
        Statement { predicate: Value::object([("note".to_owned(), note)]), ..run_statement() }
    };
    assert!(of_bytes(48_000).to_leaf(&key()).unwrap().len() <= MAX_LEAF_BYTES);
    assert!(matches!(of_bytes(49_152).to_leaf(&key()), Err(StatementError::TooLarge { .. })));

    let payload = String::from_utf8(run_statement().to_bytes().unwrap()).unwrap();
    let parse = |from: &str, to: &str| Statement::parse(payload.replace(from, to).as_bytes());
    assert!(matches!(parse("leaf:run:1", "leaf:run:2"), Err(StatementError::UnknownPredicate { .. })));
    assert!(matches!(parse("Statement/v1", "Statement/v0"), Err(StatementError::OtherStatement { .. })));
    assert!(matches!(parse("\"name\"", "\"nome\""), Err(StatementError::Json(_))));
    assert!(matches!(parse("\"verdict\"", "\"source\""), Err(StatementError::Payload(_))));
}

fn slot(control: &str, period: &str, outcome: Outcome) -> Slot {
    Slot {
        control: control.parse().unwrap(),
        period: period.parse().unwrap(),
        outcome,
        reason: (outcome != Outcome::Filled).then(|| "no run".to_owned()),
        runs: Vec::new(),
        uploads: Vec::new(),
    }
}

fn seal(slots: Vec<Slot>) -> Result<Seal, SealError> {
    let at = "2026-07-01T00:00:00Z".parse().unwrap();
    Seal::new("2026-H1".parse().unwrap(), at, false, &head(5), slots)
}

#[test]
fn a_seal_lists_every_slot_once_and_its_leaf_stays_small() {
    let slots = vec![
        slot("AC-03", "2026-01-02", Outcome::Missed),
        slot("AC-03", "2026-01-01", Outcome::Filled),
        slot("AC-01", "2026-W10", Outcome::Late),
    ];
    let sealed = seal(slots.clone()).unwrap();
    let line = String::from_utf8(sealed.to_bytes().unwrap()).unwrap();
    let expected = format!(
        r#"{{"controls":[{{"control":"AC-01","outcome":"late","period":"2026-W10","reason":"no run"}},{{"control":"AC-03","outcome":"filled","period":"2026-01-01"}},{{"control":"AC-03","outcome":"missed","period":"2026-01-02","reason":"no run"}}],"format":1,"period":"2026-H1","root":"{}","sealed_at":"2026-07-01T00:00:00.000Z","simulated":false,"tree_size":5}}"#,
        head(5).root
    );
    assert_eq!(line, expected);
    assert_eq!(Seal::parse(line.as_bytes()).unwrap(), sealed);
    assert_eq!(sealed.digest().unwrap(), Digest::of(&line));
    assert_eq!(sealed.head(), head(5));

    let twice = [slots.clone(), slots].concat();
    assert!(matches!(seal(twice), Err(SealError::Order { .. })));
    assert!(matches!(Seal::parse(format!("{line} ").as_bytes()), Err(SealError::Rewritten("seal"))));
    assert!(matches!(Seal::parse(line.replace("AC-01", "AC-09").as_bytes()), Err(SealError::Order { .. })));
    let newer = line.replace("\"format\":1", "\"format\":2");
    assert!(matches!(Seal::parse(newer.as_bytes()), Err(SealError::Format { found: 2, .. })));
    assert!(matches!(Seal::parse(line.replace("late", "fine").as_bytes()), Err(SealError::Json { .. })));

    let days = (0..181 * 60).map(|n| {
        let period = format!("2026-0{}-{:02}", 1 + n / 28 % 6, 1 + n % 28);
        slot(&format!("C-{:05}", n / 168), &period, Outcome::Filled)
    });
    let large = seal(days.collect()).unwrap();
    let leaf = large.statement("seals/2026-H1.json").unwrap().to_leaf(&key()).unwrap();
    assert!(large.to_bytes().unwrap().len() > 10 * MAX_LEAF_BYTES && leaf.len() < 2000);
    let said = Statement::from_leaf(&leaf, &verifiers()).unwrap();
    assert_eq!(said.kind, LeafKind::Seal);
    assert_eq!(said.subject().unwrap().digest, large.digest().unwrap());
    let filled = said.predicate.get("counts").and_then(|counts| counts.get("filled"));
    assert_eq!(filled, Some(&Value::Integer(181 * 60)));
}

#[test]
fn an_addendum_names_its_seal() {
    let sealed = seal(vec![slot("AC-03", "2026-01-02", Outcome::Missed)]).unwrap();
    let addendum = Addendum {
        format: SEAL_FORMAT,
        period: sealed.period.clone(),
        seal: sealed.digest().unwrap(),
        previous: None,
        added_at: "2026-07-09T00:00:00Z".parse().unwrap(),
        reason: "the HR system's export came late".into(),
        tree_size: 9,
        root: head(9).root,
        controls: vec![slot("AC-03", "2026-01-02", Outcome::Late)],
    };
    let bytes = addendum.to_bytes().unwrap();
    assert_eq!(Addendum::parse(&bytes).unwrap(), addendum);
    assert!(Seal::parse(&bytes).is_err());
    let said = addendum.statement("seals/2026-H1.addendum-1.json").unwrap();
    let named = said.predicate.get("seal").and_then(Value::as_str);
    assert_eq!(named, Some(sealed.digest().unwrap().to_string().as_str()));
    let twice =
        Addendum { controls: [addendum.controls.clone(), addendum.controls.clone()].concat(), ..addendum };
    assert!(matches!(twice.to_bytes(), Err(SealError::Order { .. })));
}
