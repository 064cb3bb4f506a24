//! A strict reader of markup for tests: tags nest, attributes are quoted, text is escaped, ids are unique.

use std::collections::BTreeSet;

/// What a page holds, as far as tests ask.
#[derive(Debug, Default)]
pub struct Markup {
    /// Names of the elements in order.
    pub tags: Vec<String>,
    /// Values of `id`.
    pub ids: BTreeSet<String>,
    /// Fragments that links name.
    pub links: BTreeSet<String>,
}

/// Reads `text`; panics at the first thing that is not well formed. `<!DOCTYPE html>` and `<?xml ... ?>` may stand at
/// the beginning; `meta` needs no end tag; the content of `style` is not read.
pub fn read(text: &str) -> Markup {
    let mut markup = Markup::default();
    let mut open: Vec<String> = Vec::new();
    let mut rest = text.trim_start_matches("<!DOCTYPE html>");
    if let Some(after) = rest.strip_prefix("<?xml") {
        rest = after.split_once("?>").expect("the XML declaration ends").1;
    }
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start]);
        rest = &rest[start + 1..];
        if let Some(after) = rest.strip_prefix('/') {
            let (name, after) = after.split_once('>').expect("an end tag ends");
            assert_eq!(open.pop().as_deref(), Some(name), "end tag without its start");
            rest = after;
            continue;
        }
        let name: String = rest.chars().take_while(|&c| c.is_ascii_alphanumeric() || c == '-').collect();
        assert!(!name.is_empty(), "a bare < in {:?}", rest.chars().take(60).collect::<String>());
        rest = &rest[name.len()..];
        let closed = attributes(&mut rest, &mut markup);
        if name == "style" {
            rest = rest.split_once("</style>").expect("a style ends").1;
        } else if !closed && name != "meta" {
            open.push(name.clone());
        }
        markup.tags.push(name);
    }
    check_text(rest);
    assert!(open.is_empty(), "never closed: {open:?}");
    markup
}

/// Reads attributes to the end of the tag; true where the tag closes itself.
fn attributes(rest: &mut &str, markup: &mut Markup) -> bool {
    loop {
        *rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            *rest = after;
            return true;
        }
        if let Some(after) = rest.strip_prefix('>') {
            *rest = after;
            return false;
        }
        let (name, after) = rest.split_once("=\"").expect("an attribute has a quoted value");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "-:_".contains(c)), "attribute {name:?}");
        let (value, after) = after.split_once('"').expect("a value ends");
        assert!(!value.contains('<'), "{name} holds <: {value}");
        assert!(!value.contains("NaN") && !value.contains("inf"), "{name} is {value}");
        match name {
            "id" => assert!(markup.ids.insert(value.to_owned()), "id {value} twice"),
            "href" => drop(markup.links.insert(value.to_owned())),
            _ => {}
        }
        *rest = after;
    }
}

fn check_text(text: &str) {
    assert!(!text.contains("NaN"), "NaN in {text:?}");
    for (_, after) in text.match_indices('&').map(|(at, _)| text.split_at(at)) {
        assert!(after.contains(';'), "a bare & in {after:?}");
    }
}
