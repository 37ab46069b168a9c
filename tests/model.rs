//! The module holds the model of `model/`, and says so in every verdict.

mod common;

use fraud_plan::find_in;

#[test]
fn the_module_holds_the_compiled_plan() {
    let found = find_in(&common::module_bytes()).expect("a plan in the module");
    assert!(found == common::plan_bytes(), "the module was built from another model");
}

/// The id is a hash over the whole plan, so a plan that changes in any byte fails here.
#[test]
fn the_verdict_in_the_readme_names_the_model() {
    let readme = std::fs::read_to_string(common::root().join("README.md")).expect("README.md");
    let found = find_in(&common::module_bytes()).expect("a plan in the module");
    let id = found.read().expect("it was found as a plan").id;
    assert!(readme.contains(&format!("\"model\":\"{id:08x}\"")), "{id:08x}");
}
