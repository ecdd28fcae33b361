//! The cost of running a foreign library in a worker: all these scenarios on one library, one case
//! at a time, in this process and in a worker, as a ratio.

use std::sync::Arc;

use writeproof::internal::backend::{Backends, Home};
use writeproof::internal::isolation::Isolation;
use writeproof::internal::scenario::Scenario;
use writeproof::internal::target::Target;
use writeproof::internal::worker::WorkerLimits;

use crate::sample::median;
use crate::{timed, verdict};

/// The highest ratio of cases in a worker to cases in this process.
const LIMIT: f64 = 1.25;

/// Each round gives one ratio; both sides run in turns.
const ROUNDS: usize = 5;

/// Measures every available shared object. None may crash in these scenarios.
pub(crate) fn measure(scenarios: &[&Scenario]) {
    for id in Backends::here() {
        if let Some(Ok(Home::SharedObject(_))) = Backends::home(id) {
            measure_one(id, scenarios);
        }
    }
}

fn measure_one(id: &str, scenarios: &[&Scenario]) {
    let workers = Isolation::Workers {
        program: env!("CARGO_BIN_EXE_writeproof").into(),
        limits: WorkerLimits::DEFAULT,
    };
    let open = |isolation: &Isolation| {
        let target = isolation.open(id).expect("a backend");
        target.unwrap_or_else(|unusable| panic!("{unusable}"))
    };
    let (here, apart) = (open(&Isolation::None), open(&workers));
    let run = |target: &Arc<dyn Target>| {
        timed(|| {
            for scenario in scenarios {
                let variants: Vec<_> = scenario.variants().collect();
                target.run_all(scenario, &variants).expect("cases");
            }
        })
    };
    run(&here);
    run(&apart);
    let (mut ratios, mut times) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (alone, isolated) = match round % 2 {
            0 => (run(&here), run(&apart)),
            _ => {
                let isolated = run(&apart);
                (run(&here), isolated)
            }
        };
        ratios.push(isolated / alone);
        times.push(isolated);
    }
    let ratio = median(&mut ratios);
    println!(
        "isolation {id}  ratio {ratio:.3} (limit {LIMIT}, {}); {ROUNDS} rounds: {:.3} to {:.3}; {:.0} ms in a worker",
        verdict(ratio <= LIMIT),
        ratios[0],
        ratios[ratios.len() - 1],
        median(&mut times) * 1e3,
    );
}
