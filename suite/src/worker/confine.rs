pub(super) fn confine(_: &super::Limits) -> Vec<String> {
    Vec::new()
}
pub(super) fn limit_processor_time(_: std::time::Duration) {}
