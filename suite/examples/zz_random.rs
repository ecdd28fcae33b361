use std::time::Instant;
use writeproof::fuzz::*;
fn main() {
    let target = Target::of_name(&std::env::args().nth(1).unwrap()).unwrap();
    let n: u32 = std::env::args().nth(2).unwrap().parse().unwrap();
    let quiet = std::env::args().nth(3).is_some();
    let session = Session::of_environment().unwrap();
    let mut pool: Vec<Vec<u8>> = vec![vec![]];
    let mut seen = std::collections::BTreeMap::new();
    let begun = Instant::now();
    let mut ran = 0;
    for i in 0..n {
        let base = pool[(i as usize * 7919) % pool.len()].clone();
        let mut space = vec![0; 400];
        space[..base.len()].copy_from_slice(&base);
        let len = mutate(target, &mut space, base.len(), i, &mut |_s, l| l);
        space.truncate(len);
        if pool.len() < 3000 { pool.push(space.clone()); } else { let k = (i as usize * 31) % 3000; pool[k] = space.clone(); }
        let Some(program) = Artifact::of_target(target, &space) else { continue };
        let Some((scenario, variant)) = program.case(target) else { continue };
        ran += 1;
        for news in session.examine(&scenario, variant).unwrap() {
            let key = format!("{} {:?} {}", news.backend, news.finding.clause, if news.finding.clause.is_some() { news.finding.seen.chars().map(|c| if c.is_ascii_digit() {'#'} else {c}).collect::<String>() } else { format!("{} {}", news.finding.action, news.finding.seen.chars().map(|c| if c.is_ascii_digit() {'#'} else {c}).take(150).collect::<String>())});
            let e = seen.entry(key).or_insert((0, scenario.clone(), variant, news.clone()));
            e.0 += 1;
            if scenario.steps.len() < e.1.steps.len() { let c = e.0; *e = (c, scenario.clone(), variant, news.clone()); }
        }
    }
    let t = begun.elapsed();
    println!("{ran} of {n} in {t:?}: {} / s", f64::from(ran) / t.as_secs_f64());
    let mut list: Vec<_> = seen.into_iter().collect();
    list.sort_by_key(|(_, v)| std::cmp::Reverse(v.0));
    for (key, (count, scenario, variant, news)) in list {
        println!("{count:6} {key}");
        if !quiet { println!("   {variant} {:?} {:?}\n   {news}", scenario.cipher, scenario.steps); }
    }
}
