//! The messages of ONNX's protobuf, as far as the compiler reads them; prost skips all other fields.
//!
//! Names and field numbers are those of `onnx-ml.proto`.

use prost::Message;

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelProto {
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    pub initializers: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub inputs: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub outputs: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub outputs: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub operator: String,
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    pub domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int64, tag = "3")]
    pub int: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub bytes: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub tensor: Option<TensorProto>,
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub strings: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub floats: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub ints32: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    pub ints64: Vec<i64>,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub raw: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    pub doubles: Vec<f64>,
}

// Element types of tensors.
pub(super) const FLOAT: i32 = 1;
const UINT8: i32 = 2;
const INT32: i32 = 6;
const INT64: i32 = 7;
pub(super) const DOUBLE: i32 = 11;

impl TensorProto {
    /// Returns the elements as f64, which keeps every bit of them (of integers, up to 2^53); `None`
    /// for other element types, and for data outside of the file.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        fn raw<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            bytes.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
        }
        let bytes = &self.raw;
        let numbers: Vec<f64> = match self.data_type {
            FLOAT if bytes.is_empty() => self.floats.iter().map(|&x| x.into()).collect(),
            FLOAT => raw(bytes, |bytes| f32::from_le_bytes(bytes).into()),
            DOUBLE if bytes.is_empty() => self.doubles.clone(),
            DOUBLE => raw(bytes, f64::from_le_bytes),
            UINT8 | INT32 if bytes.is_empty() => self.ints32.iter().map(|&x| x.into()).collect(),
            UINT8 => raw(bytes, |[byte]| byte.into()),
            INT32 => raw(bytes, |bytes| i32::from_le_bytes(bytes).into()),
            INT64 if bytes.is_empty() => self.ints64.iter().map(|&x| x as f64).collect(),
            INT64 => raw(bytes, |bytes| i64::from_le_bytes(bytes) as f64),
            _ => return None,
        };
        let count = self.dims.iter().try_fold(1_i64, |count, &dim| count.checked_mul(dim))?;
        (usize::try_from(count) == Ok(numbers.len())).then_some(numbers)
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub kind: Option<TypeProto>,
}

/// The type of a value; without `tensor`, a sequence or a map.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub element: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub dims: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub value: Option<i64>,
}

impl NodeProto {
    /// Finds an attribute by its name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// Returns a list of whole numbers; empty if it is left out.
    pub fn ints(&self, name: &str) -> &[i64] {
        self.attribute(name).map_or(&[], |attribute| &attribute.ints)
    }

    /// Returns a whole number, or `default` if it is left out.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.int)
    }

    /// Returns a word, or `default` if it is left out.
    pub fn word(&self, name: &str, default: &'static str) -> String {
        let bytes = self.attribute(name).map(|attribute| attribute.bytes.as_slice());
        String::from_utf8_lossy(bytes.unwrap_or(default.as_bytes())).into_owned()
    }

    /// Returns the numbers of the tensor `name` with `_as_tensor`, else of the list `name`; none if
    /// both are left out, and `None` if the tensor cannot be read.
    pub fn numbers(&self, name: &str) -> Option<Vec<f64>> {
        match self.attribute(&format!("{name}_as_tensor")).or(self.attribute(name)) {
            None => Some(Vec::new()),
            Some(attribute) => match &attribute.tensor {
                Some(tensor) => tensor.numbers(),
                None => Some(attribute.floats.iter().map(|&x| x.into()).collect()),
            },
        }
    }
}
