//! Whatever is written reads back as it was.

use ckpt_torch_dist::*;
use proptest::prelude::*;

fn dtype() -> impl Strategy<Value = TorchDtype> {
    prop::sample::select(TorchDtype::ALL)
}

fn shape() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(0u64..5, 0..5)
}

fn tensor() -> impl Strategy<Value = Value> {
    (dtype(), shape(), any::<u8>()).prop_map(|(dtype, shape, byte)| {
        let len = dtype.bytes_of(&shape).unwrap();
        Value::Tensor { dtype, data: vec![byte; len as usize], shape }
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-300i64..70000).prop_map(Value::Int),
        any::<f64>().prop_filter("NaN is not equal to itself", |x| !x.is_nan()).prop_map(Value::Float),
        any::<String>().prop_map(Value::Str),
        "[a-c]{0,2}".prop_map(Value::Str),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        ("[a-z]{1,9}", "[A-Z]{1,9}").prop_map(|(module, name)| Value::Global { module, name }),
        tensor(),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..8);
        let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..8);
        let object = (any::<bool>(), list.clone(), prop::option::of(inner), list.clone(), pairs.clone());
        prop_oneof![
            list.clone().prop_map(Value::List),
            list.clone().prop_map(Value::Tuple),
            list.clone().prop_map(Value::Set),
            list.prop_map(Value::FrozenSet),
            pairs.prop_map(Value::Dict),
            object.prop_map(|(new, args, state, items, pairs)| {
                Value::Object(Box::new(Object {
                    how: if new { How::New } else { How::Call },
                    callable: Value::global("some.module", "Class"),
                    args: Value::Tuple(args),
                    state,
                    items,
                    pairs,
                }))
            }),
        ]
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let axis = (1u64..1 << 40, 1u64..1 << 20);
    let tensor =
        ("[a-z.]{1,30}", dtype(), prop::collection::vec(axis, 0..5)).prop_map(|(key, dtype, axes)| {
            let shape = axes.iter().map(|(offset, size)| offset + size).collect();
            let (offsets, sizes) = axes.into_iter().unzip();
            TensorEntry { key, dtype, shape, chunks: vec![Chunk { offsets, sizes }] }
        });
    let offset = prop::option::of(prop::collection::vec(0u64..1 << 50, 0..5));
    let path = r"__[0-9]{1,3}_[0-9]\.distcp";
    let storage = ("[a-z.]{1,30}", offset, path, 0u64..1 << 62, 0u64..1 << 50).prop_map(
        |(key, offset, relative_path, position, length)| StorageEntry {
            key,
            offset,
            relative_path,
            position,
            length,
        },
    );
    let texts = (prop::option::of(any::<String>()), prop::option::of("[0-9a-f]{8}"));
    let lists = (
        prop::collection::vec(tensor, 0..20),
        prop::collection::vec("[a-z/]{1,300}", 0..20),
        prop::collection::vec(storage, 0..20),
    );
    (lists, texts).prop_map(|((tensors, bytes, storage), (checkpoint_id, save_id))| Metadata {
        tensors,
        bytes,
        storage,
        checkpoint_id,
        save_id,
    })
}

proptest! {
    #[test]
    fn objects(value in value(), root in "[a-z_]{1,20}") {
        let bytes = save_object(&value, &root);
        prop_assert_eq!(load_object(&bytes, Globals::Opaque).unwrap(), value);
    }

    #[test]
    fn indexes(metadata in metadata()) {
        prop_assert_eq!(read_metadata(&write_metadata(&metadata)).unwrap(), metadata);
    }

    #[test]
    fn items(
        dtype in dtype(),
        shape in shape(),
        start in 0u64..1 << 40,
        phase in prop::option::of((1u64..=PayloadPhase::MAX_MODULUS, any::<u64>())),
    ) {
        let phase = phase.map(|(modulus, any)| PayloadPhase { modulus, residue: any % modulus });
        let item = TensorItem::new(dtype, &shape, start, phase).unwrap();
        let payload: Vec<u8> = (0..item.payload_len()).map(|i| i as u8).collect();
        let crc = crc32fast::hash(&payload);
        let bytes = [item.prefix(), &payload, &item.trailer(crc)].concat();
        prop_assert_eq!(bytes.len() as u64, item.len());
        prop_assert_eq!(item.trailer_len(), item.trailer(crc).len() as u64);

        let header = read_item_header(bytes.as_slice(), 0, item.len()).unwrap();
        prop_assert_eq!((header.dtype, &header.shape), (dtype, &shape));
        prop_assert_eq!(header.payload_position, item.prefix().len() as u64);
        prop_assert_eq!((header.payload_len, header.payload_crc), (item.payload_len(), crc));
        prop_assert!(header.is_contiguous());
        match phase {
            Some(PayloadPhase { modulus, residue }) => {
                prop_assert_eq!((start + header.payload_position) % modulus, residue);
            }
            None => prop_assert_eq!(header.payload_position % 64, 0),
        }
        let expected = Value::Tensor { dtype, shape, data: payload };
        prop_assert_eq!(load_object(&bytes, Globals::Plain).unwrap(), expected);
    }
}
