//! Temporary.
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use writeproof::internal::backend::{Backends, REFERENCE};
use writeproof::internal::isolation::Isolation;
use writeproof::internal::judge::known::Library;
use writeproof::internal::judge::{Judge, features};
use writeproof::internal::run::{NoProgress, Plan};
use writeproof::internal::scenario::Corpus;
use writeproof::internal::worker::WorkerLimits;
use writeproof_faulty::{Fault, Kind};
use crate::fault_run::{self, Extent};
use crate::right::Right;

const UNKNOWN: Library<'static> = Library { name: "unknown", version: "" };

pub(crate) fn print(faults: &'static [Fault]) -> Result<(), String> {
    let judge = Judge::built_in().map_err(|e| e.to_string())?;
    let corpus = Corpus::built_in().map_err(|e| e.to_string())?;
    let isolation = Isolation::Workers { program: env!("CARGO_BIN_EXE_writeproof").into(), limits: WorkerLimits::DEFAULT };
    let open = |id: &str| isolation.open(id).unwrap().unwrap();
    let reference = open(REFERENCE);
    for id in Backends::here() {
        let Some(Ok(target)) = isolation.open(id) else { continue };
        let version = target.about().version.clone();
        let name = target.about().recorded_as().to_string();
        for scenario in corpus.scenarios() {
            let variants: Vec<_> = scenario.variants().collect();
            let theirs = reference.run_all(scenario, &variants).map_err(|e| e.to_string())?;
            let ours = target.run_all(scenario, &variants).map_err(|e| e.to_string())?;
            for ((variant, theirs), ours) in variants.iter().zip(theirs).zip(ours) {
                let unknown = judge.judge(&theirs.trace, &ours.trace, UNKNOWN).findings;
                if unknown.is_empty() { continue; }
                let known = judge.judge(&theirs.trace, &ours.trace, Library { name: &name, version: &version }).findings;
                let f = features(&ours.trace, &unknown, &known);
                println!("{}", serde_json::json!({"lib": id, "scenario": scenario.id.to_string(), "steps": scenario.steps.len(), "variant": variant.to_string(), "f": f}));
            }
        }
    }
    let _ = Arc::new(AtomicBool::new(false));
    let _ = NoProgress;
    let _: Option<Plan<'_>> = None;
    let right = Right::get()?;
    for case in &right.cases {
        let base = judge.judge(&case.trace, &case.unharmed, UNKNOWN).findings;
        if base.is_empty() { continue; }
        println!("{}", serde_json::json!({"lib": "base", "scenario": case.scenario.id.to_string(), "steps": case.scenario.steps.len(), "variant": case.variant.to_string(), "f": features(&case.unharmed, &base, &[])}));
    }
    for (index, fault) in faults.iter().enumerate() {
        if fault.kind != Kind::Bug { continue; }
        let lines = fault_run::each_case(index, fault, Extent::Reached, |case, trace| {
            let found = judge.judge(&case.trace, &trace, UNKNOWN).findings;
            Ok(serde_json::json!({"lib": format!("bug:{}", fault.name), "scenario": case.scenario.id.to_string(), "steps": case.scenario.steps.len(), "variant": case.variant.to_string(), "f": features(&trace, &found, &[])}).to_string())
        })?;
        for line in lines { println!("{line}"); }
    }
    Ok(())
}
