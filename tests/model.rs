//! The module holds the model of `model/`, and says so in every verdict.

mod common;

use fraud_plan::find_in;
use transform_host::custom_section;

#[test]
fn the_module_holds_the_compiled_plan() {
    let found = find_in(&common::module_bytes()).expect("a plan in the module");
    assert!(found == common::plan_bytes(), "the module was built from another model");
}

/// Commands read the program from the plan, and people the text beside it.
#[test]
fn the_texts_in_the_module_are_those_of_its_plan() {
    let module = common::module_bytes();
    let carried = |name| custom_section(&module, name).map(String::from_utf8_lossy);
    for name in ["fraud.toml", "decision.toml"] {
        let text = std::fs::read_to_string(common::root().join("model").join(name)).expect(name);
        assert_eq!(carried(name).as_deref(), Some(&text[..]), "{name}");
    }
    // Five times the longest half-life of model/fraud.toml.
    assert_eq!(carried("warm-up").as_deref(), Some("35d"));
    let spec = carried("fraud.toml").expect("compared above");
    let program = fraud_plan::compile::spec::parse(&spec, "the module's spec").expect("valid");
    let found = find_in(&module).expect("a plan in the module");
    assert_eq!(found.read().expect("it was found as a plan").program, program);
}

/// The id is a hash over the whole plan, so a plan that changes in any byte fails here.
#[test]
fn the_verdict_in_the_readme_names_the_model() {
    let readme = std::fs::read_to_string(common::root().join("README.md")).expect("README.md");
    let found = find_in(&common::module_bytes()).expect("a plan in the module");
    let id = found.read().expect("it was found as a plan").id;
    assert!(readme.contains(&format!("\"model\":\"{id:08x}\"")), "{id:08x}");
}
