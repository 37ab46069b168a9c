//! Writes the smaller ensembles as Rust code: the algorithm `Generated`.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

#[path = "src/ensembles.rs"]
mod ensembles;

use ensembles::{SHAPES, Shape, TreeNode};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/ensembles.rs");
    let mut code = String::from("fn generated(shape: usize) -> Option<fn(&[f32]) -> f64> {\n");
    code += "match shape {\n";
    let generated: Vec<(usize, Shape)> = SHAPES
        .into_iter()
        .enumerate()
        .filter(|(_, shape)| shape.trees * shape.leaves <= 4_000)
        .collect();
    for (at, _) in &generated {
        writeln!(code, "{at} => Some(shape_{at}),").expect("a string takes it");
    }
    code += "_ => None,\n}\n}\n";
    for (at, shape) in generated {
        writeln!(code, "fn shape_{at}(x: &[f32]) -> f64 {{").expect("a string takes it");
        writeln!(code, "let x: &[f32; {}] = x.try_into().expect(\"as many\");", shape.features())
            .expect("a string takes it");
        code += "let mut sum = 0.0;\n";
        let mut trees: Vec<String> = shape.trees().iter().map(|tree| walk(tree, 0)).collect();
        trees.resize(trees.len().next_multiple_of(4), "0.0".into());
        for four in trees.as_chunks::<4>().0 {
            let [a, b, c, d] = four;
            writeln!(code, "sum += (({a}) + ({b})) + (({c}) + ({d}));").expect("a string takes it");
        }
        code += "sum\n}\n";
    }
    let directory = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&directory).join("generated.rs"), code).expect("OUT_DIR is writable");
}

fn walk(tree: &[TreeNode], at: usize) -> String {
    match &tree[at] {
        TreeNode::Leaf(value) => format!("{value:?}_f32 as f64"),
        TreeNode::Split { feature, threshold, missing_second, ways } => {
            let [first, second] = ways.map(|way| walk(tree, way));
            match missing_second {
                false => {
                    format!("if x[{feature}] > {threshold:?} {{ {second} }} else {{ {first} }}")
                }
                true => {
                    format!("if x[{feature}] <= {threshold:?} {{ {first} }} else {{ {second} }}")
                }
            }
        }
    }
}
