use super::*;
use crate::model::flags::FlagChange;
use crate::model::search::{Key, When};
use crate::model::sequence::Number;
use crate::wire::imap::framer::{Event, Framer};
use proptest::prelude::*;

fn source(line: &str) -> Source {
    Source { lines: vec![line.as_bytes().to_vec()], holes: Vec::new() }
}

fn verb(line: &str) -> Verb {
    let (command, _) = decode(&source(&format!("a {line}"))).unwrap_or_else(|bad| panic!("{line}: {bad:?}"));
    command.verb
}

fn fault(line: &str) -> Fault {
    decode(&source(&format!("a {line}"))).expect_err(line).fault
}

/// Reads everything in `input` as a session would, however it is cut.
fn run(input: &[u8], cut: usize) -> Vec<String> {
    let (mut framer, mut source, mut out) = (Framer::new(4096), Source::default(), Vec::new());
    for mut piece in input.chunks(cut.max(1)) {
        loop {
            let (used, event) = framer.next(piece);
            piece = &piece[used..];
            match event {
                Some(Event::Line { text, literal }) => {
                    source.lines.push(text);
                    if literal.is_none() {
                        out.push(format!("{:?}", decode(&std::mem::take(&mut source)).map(|(command, _)| command)));
                    } else {
                        out.push(format!("{:?}", place(&source)));
                        let hole = match place(&source) {
                            Ok(Place::Message { .. }) => Hole::Message { binary: false },
                            Ok(Place::Argument) => Hole::Octets(Vec::new()),
                            Err(_) => {
                                source = Source::default();
                                framer.refuse();
                                continue;
                            }
                        };
                        source.holes.push(hole);
                        framer.accept();
                    }
                }
                Some(Event::Bytes(bytes)) => {
                    if let Some(Hole::Octets(octets)) = source.holes.last_mut() {
                        octets.extend_from_slice(bytes);
                    }
                }
                Some(Event::TooLong { .. } | Event::Dropped) => source = Source::default(),
                None if used == 0 => break,
                None => {}
            }
        }
    }
    out
}

#[test]
fn rfc_examples_of_fetch() {
    let Verb::Fetch { by, set, items, changed_since } = verb("FETCH 2:4,* (FLAGS BODY[HEADER.FIELDS (DATE FROM)])")
    else {
        panic!()
    };
    assert_eq!((by, changed_since), (By::Number, None));
    let two_to_four = (Number::Is(2), Number::Is(4));
    assert_eq!(set, SequenceSet::Ranges(vec![two_to_four, (Number::Largest, Number::Largest)]));
    let text = SectionText::Fields { names: vec![b"DATE".to_vec(), b"FROM".to_vec()], not: false };
    let section = Section { path: Vec::new(), text };
    assert_eq!(items, [FetchItem::Flags, FetchItem::Section { section, peek: false, partial: None }]);
    let Verb::Fetch { items, changed_since, .. } = verb("uid fetch $ body.peek[4.1.MIME]<0.2048> (CHANGEDSINCE 12)")
    else {
        panic!()
    };
    assert_eq!(changed_since, Some(12));
    let section = Section { path: vec![4, 1], text: SectionText::Mime };
    let partial = Some(Partial { start: 0, count: 2048 });
    assert_eq!(items, [FetchItem::Uid, FetchItem::Section { section, peek: true, partial }, FetchItem::ModSeq]);
    for bad in ["BODY[MIME]", "BODY[0]", "BODY[1.]", "BODY[]<0.0>", "BINARY[TEXT]", "()", "FLAGS X", "(FLAGS"] {
        assert!(matches!(fault(&format!("FETCH 1 {bad}")), Fault::Syntax(_)), "{bad}");
    }
}

#[test]
fn rfc_examples_of_search() {
    let Verb::Search { search, .. } =
        verb("SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\" OR 1:3 $")
    else {
        panic!()
    };
    assert_eq!(search.return_, Some(SearchReturn { min: true, count: true, ..Default::default() }));
    let date = chrono::NaiveDate::from_ymd_opt(1994, 2, 1).unwrap();
    let from = Key::Header { name: "from".into(), text: "Smith".into() };
    let numbers = SequenceSet::Ranges(vec![(Number::Is(1), Number::Is(3))]);
    let wanted = Key::And(vec![
        Key::Flag(SystemFlags::FLAGGED),
        Key::Arrived(When::Since, date),
        Key::Not(Box::new(from)),
        Key::Or(Box::new(Key::Numbers(numbers)), Box::new(Key::Uids(SequenceSet::Saved))),
    ]);
    assert_eq!(search.key, wanted);
    for (charset, known) in [("X-NONE", false), ("hz-gb-2312", false), ("utf-8", true), ("iso-8859-15", true)] {
        let Verb::Search { search, .. } = verb(&format!("SEARCH CHARSET {charset} TEXT a")) else { panic!() };
        assert_eq!(search.charset_known, known, "{charset}");
    }
    assert!(matches!(fault(&format!("SEARCH {}ALL", "NOT ".repeat(100))), Fault::Syntax(_)));
    assert!(matches!(fault(&format!("SEARCH ({}ALL)", "ALL ".repeat(1000))), Fault::Syntax("too many search keys")));
    assert!(matches!(fault("SEARCH"), Fault::Syntax(_)));
    let Verb::Search { search, .. } = verb("SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338") else { panic!() };
    assert_eq!(search.key, Key::ModSeq(620_162_338));
}

#[test]
fn store_list_and_create() {
    let Verb::Store { store, .. } = verb("STORE 1 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\\Deleted $Junk)") else {
        panic!()
    };
    assert_eq!((store.change, store.silent, store.unchanged_since), (FlagChange::Add, true, Some(5)));
    assert_eq!(store.flags.system, SystemFlags::DELETED);
    assert!(matches!(fault("STORE 1 ++FLAGS (a)"), Fault::Syntax(_)));
    let Verb::Store { store, .. } = verb("STORE 1 FLAGS \\Seen \\Recent a") else { panic!() };
    assert_eq!((store.flags.system, store.flags.keywords.len()), (SystemFlags::SEEN, 1));
    let Verb::List(list) = verb("LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"a*\" %) RETURN (STATUS (MESSAGES SIZE))")
    else {
        panic!()
    };
    assert_eq!(list.patterns, [b"a*".to_vec(), b"%".to_vec()]);
    assert_eq!(list.return_.status, [StatusItem::Messages, StatusItem::Size]);
    assert!(matches!(fault("LIST (RECURSIVEMATCH) \"\" %"), Fault::Syntax(_)));
    assert_eq!(fault("CREATE x (USE (\\All))"), Fault::Use);
    let Verb::Create { special_use, .. } = verb("CREATE x (USE (\\Archive))") else { panic!() };
    assert_eq!(special_use, Some(SpecialUse::Archive));
}

#[test]
fn a_message_is_told_from_a_name_by_its_place() {
    let mut source = source("a APPEND ");
    assert_eq!(place(&source), Ok(Place::Argument));
    source.holes.push(Hole::Octets(b"Sent".to_vec()));
    source.lines.push(b" (\\Seen) \"17-Jul-1996 02:44:25 -0700\" ".to_vec());
    assert_eq!(place(&source), Ok(Place::Message { mailbox: b"Sent".to_vec() }));
    source.holes.push(Hole::Message { binary: true });
    source.lines.push(Vec::new());
    let (command, spec) = decode(&source).unwrap();
    assert_eq!((spec.name, spec.needs), ("APPEND", Needs::Member));
    let Verb::Append { mailbox, messages } = command.verb else { panic!() };
    assert_eq!((mailbox, messages.len()), (b"Sent".to_vec(), 1));
    assert_eq!((messages[0].date.unwrap().timestamp(), messages[0].binary), (837_596_665, true));
    source.lines[2] = b" x".to_vec();
    assert!(decode(&source).is_err());
    for wrong in ["(\\Foo) ", "\"yesterday\" ", "x "] {
        assert!(place(&self::source(&format!("a APPEND Sent {wrong}"))).is_err(), "{wrong}");
    }
}

#[test]
fn keywords_of_a_command_are_counted() {
    let many: Vec<String> = (0..200).map(|n| format!("k{n}")).collect();
    assert_eq!(fault(&format!("STORE 1 FLAGS ({})", many.join(" "))), Fault::Syntax("too many keywords"));
}

#[test]
fn what_is_no_command_has_its_tag_where_it_can() {
    for (line, tag) in [("", None), ("+ NOOP", None), ("a", None), ("a1 XYZZY", Some("a1")), ("b NOOP x", Some("b"))] {
        assert_eq!(decode(&source(line)).unwrap_err().tag.as_deref(), tag, "{line:?}");
    }
    assert_eq!(tag_of(b"a1 FETCH 1,2"), Some("a1".into()));
}

#[test]
fn the_corpus_is_read_the_same_however_cut() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/imap");
    for entry in std::fs::read_dir(folder).unwrap() {
        let input = std::fs::read(entry.unwrap().path()).unwrap();
        let whole = run(&input, input.len());
        assert!(!whole.is_empty());
        for cut in [1, 2, 7, 100] {
            assert_eq!(run(&input, cut), whole);
        }
    }
}

fn pipelined() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z]{1,5}",
        "\\{[0-9]{1,2}\\+?\\}\r\n",
        "\"[a-z\\\\]{0,4}\"?",
        "[0-9:*,]{1,6}",
        "\\([A-Z. ]{0,9}\\)?",
        "BODY\\[[A-Z0-9.]{0,8}\\]?(<[0-9.]{1,4}>)?",
        Just("SEARCH OR NOT".to_owned()),
        Just("APPEND x".to_owned()),
        Just("UID FETCH 1".to_owned()),
        Just("STORE 1 +FLAGS".to_owned()),
        Just("LIST (SUBSCRIBED) ".to_owned()),
    ];
    proptest::collection::vec(prop_oneof![8 => word, 2 => Just("\r\n".to_owned())], 0..20).prop_map(|w| w.join(" "))
}

proptest! {
    #[test]
    fn the_cut_between_packets_changes_nothing(input in pipelined(), cut in 1usize..30) {
        prop_assert_eq!(run(input.as_bytes(), cut), run(input.as_bytes(), usize::MAX));
    }

    #[test]
    fn any_bytes_are_survived(input: Vec<u8>, name in 0..TABLE.len(), cut in 1usize..30) {
        run(&input, cut);
        let command = [b"a ", TABLE[name].name.as_bytes(), b" ", &input[..], b"\r\n"].concat();
        run(&command, cut);
    }
}
