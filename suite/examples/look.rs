use writeproof::*;
fn main() {
    let arg = std::env::args().nth(1).unwrap();
    let only = std::env::args().nth(2);
    let text = std::fs::read_to_string(&arg).unwrap();
    let id = scenario::Id::new("look/look").unwrap();
    let s = scenario::parse(id, &arg, &text).unwrap_or_else(|e| panic!("{e}"));
    for b in backend::Backends::IDS {
        if only.as_ref().is_some_and(|o| o != b) {
            continue;
        }
        let backend = backend::Backends::built_in(b).unwrap().unwrap();
        let t: Vec<_> = s
            .variants()
            .map(|v| (v, stage::run(backend.as_ref(), &s, v).unwrap()))
            .collect();
        println!("{}", judge::render(&s.id, b, &t));
    }
}
