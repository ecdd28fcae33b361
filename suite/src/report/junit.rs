//! The results for the test view of a CI system: JUnit XML. A case is a test; a known cause is a
//! skipped test with its reason, and anything unexpected is a failure.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::{CaseOutcome, Report};

impl Report<'_> {
    /// The report as JUnit XML: a suite for each library, and a test for each case.
    ///
    /// # Errors
    /// None is known: every value of a report can be serialised.
    pub(crate) fn junit(&self, duration: Duration) -> Result<String, quick_junit::SerializeError> {
        let mut junit = Junit::new("writeproof");
        junit.set_time(duration);
        for about in &self.backends {
            let mut suite = TestSuite::new(about.id.as_str());
            for result in self.results_of(&about.id) {
                let status = match self.outcome(result) {
                    CaseOutcome::Passed => TestCaseStatus::success(),
                    CaseOutcome::Known(reason) | CaseOutcome::NotApplicable(reason) => {
                        let mut status = TestCaseStatus::skipped();
                        status.set_message(reason);
                        status
                    }
                    CaseOutcome::Failed { what, detail } => {
                        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                        status.set_message(what).set_description(detail);
                        status
                    }
                };
                let name = format!("{} {}", result.scenario, result.variant);
                let mut test = TestCase::new(name, status);
                test.set_classname(format!("{}.{}", about.id, result.scenario.family()));
                suite.add_test_case(test);
            }
            junit.add_test_suite(suite);
        }
        junit.to_string()
    }
}
