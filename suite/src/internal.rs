//! What the tests, benches and fuzz targets of this repository use of the crate. No part of its
//! interface: anything here can change in any release.

pub mod backend {
    pub use crate::backend::{
        About, Backend, Backends, Bytes, Endpoint, Home, REFERENCE, SYSTEM, Setup, Unsupported,
    };

    pub mod libssl {
        pub use crate::backend::libssl::{
            Attachment, Family, LibcryptoOrigin, LibrarySource, Libssl, LoadError, Loaded,
            NoLibrary,
        };
    }
}

pub mod cli {
    pub use crate::cli::{Exit, command, main};
}

pub mod contract {
    pub use crate::contract::{Binds, Contract, Severity, Strength};
}

pub mod fuzz {
    pub use crate::fuzz::{
        Artifact, ArtifactBody, FIRST_FORMAT, FORMAT, FindingSignature, FuzzSession, FuzzTarget,
        LIBSSL, Op, Program, Reading, UnexpectedFinding, mutate, seeds,
    };
}

pub mod identity {
    pub use crate::identity::IDENTITY;
}

pub mod isolation {
    pub use crate::isolation::{InProcess, Isolation};
}

pub mod judge {
    pub use crate::judge::{
        Answer, Cause, FilePart, Finding, Judge, Judgement, Kind, Location, OldLedger, Query,
        Question, Recording, Recordings, Section, Verdict, answers, differences, is_read_back,
        questions,
    };

    pub mod known {
        pub use crate::judge::known::{
            Conjuncts, Issue, KnownIssues, Library, Scope, Variation, Witness,
        };
    }

    pub mod monitor {
        pub use crate::judge::monitor::{
            History, Violation, monitors, violations, watch, watch_history,
        };
    }
}

pub mod limits {
    pub use crate::limits::{Allowance, Limit};
}

pub mod report {
    pub use crate::report::{By, Checked, JudgedAs, Report};

    pub mod baseline {
        pub use crate::report::baseline::{Baseline, text};
    }

    pub mod clusters {
        pub use crate::report::clusters::{Cluster, clusters};
    }

    pub mod check {
        pub use crate::report::check::shown_by;
    }

    pub mod json {
        pub use crate::report::json::SCHEMA;
    }

    pub mod screen {
        pub use crate::report::screen::LINES;
    }
}

pub mod run {
    pub use crate::run::{CaseResult, NoProgress, Plan};
}

pub mod runner {
    pub use crate::runner::{Phase, RunnerError, Watch, run};
}

pub mod scenario {
    pub use crate::scenario::{
        Buffer, Cipher, Corpus, Function, Id, KeyExchange, KeyUpdate, Mode, ParseError, Pattern,
        PeerAction, PeerRenegotiation, Retry, RetryContent, Role, RoleState, Scenario,
        SessionTickets, StaleError, Step, TransportKind, Variant, Version, Write, WriteSource,
        parse, write,
    };
}

pub mod self_check {
    pub use crate::self_check::{CheckOutcome, Claim, run};
}

pub mod target {
    pub use crate::target::{LoadReport, Printed, RunOutcome, Target};
}

pub mod trace {
    pub use crate::trace::{
        Asked, Body, BytePattern, Call, Entry, ErrorClass, Outcome, PeerReport, QueueEntry, Trace,
    };
}

pub mod transport {
    pub use crate::transport::{
        Budget, Errno, Inbound, Outbound, Refusal, Transport, WireFault, set_last_resort,
    };
}

pub mod wire {
    pub use crate::wire::{
        ContentType, HandshakeType, KeyLog, Pair, Record, RecordContent, Sender, View, read,
    };
}

pub mod worker {
    pub use crate::worker::WorkerLimits;

    pub mod confine {
        pub use crate::worker::confine::{ResourceLimits, confine, limit_cpu};
    }
}
