/* SPDX-License-Identifier: MIT */
#include "python/sizes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "python/dict.h"

/* No object is larger than the address space of a process. */
#define IMPOSSIBLE_SIZE (UINT64_C(1) << 47)

/* Longest format string, encoding name and the like that is measured. */
#define STRING_MAX 65536

#define FORMAT_CODES_MAX 100000

struct sizes {
	struct python *python;
	/* What a code object adds to its generators and frames, and the capacity of
	 * shared keys: the same few are asked for again and again. */
	struct cached {
		uint64_t address;
		uint64_t value;
	} code_slots[1024];
	struct cached_keys {
		uint64_t address;
		uint64_t slots, added;
	} keys[4096];
};

/* One object being measured: bounds-checked access to its own bytes, and a peek
 * at what it points to. The first contradiction sticks in `strange`. */
struct measuring {
	struct sizes *sizes;
	struct python *python;
	struct peek *peek;
	const struct layout *layout;
	const struct object *object;
	bool strange;
	uint64_t keys; /* left to the caller */
};

static uint64_t own_bytes(struct measuring *m, int32_t offset, size_t length)
{
	uint64_t value = 0;
	if (offset < 0 || (size_t)offset + length > m->object->length)
		m->strange = true;
	else
		memcpy(&value, m->object->bytes + offset, length);
	return value;
}

#define OWN(m, name, field) own_bytes(m, OFFSET((m)->layout, name, field), 8)
#define OWN_U32(m, name, field) ((uint32_t)own_bytes(m, OFFSET((m)->layout, name, field), 4))
#define OWN_U8(m, name, field) ((uint8_t)own_bytes(m, OFFSET((m)->layout, name, field), 1))

static uint64_t far(struct measuring *m, uint64_t address, int32_t offset)
{
	if (offset < 0) {
		m->strange = true;
		return 0;
	}
	return peek_u64(m->peek, address + (unsigned)offset);
}

#define FAR(m, address, name, field) far(m, address, OFFSET((m)->layout, name, field))
#define FAR_I32(m, address, name, field)                                                           \
	((int32_t)FAR(m, address, name, field))

/* count * size, without overflow: a count that large contradicts itself. */
static uint64_t times(struct measuring *m, uint64_t count, uint64_t size)
{
	if (count >= IMPOSSIBLE_SIZE || (size && count > IMPOSSIBLE_SIZE / size)) {
		m->strange = true;
		return 0;
	}
	return count * size;
}

static uint64_t basic(const struct measuring *m)
{
	return (uint64_t)m->object->type->basicsize;
}

static uint64_t var_size(struct measuring *m, uint64_t address)
{
	return FAR(m, address, VarObject, ob_size);
}

/* strlen() + 1 of a C string, 0 for NULL. */
static uint64_t string_bytes(struct measuring *m, uint64_t address)
{
	if (!address)
		return 0;
	for (uint64_t i = 0; i < STRING_MAX; i++)
		if (peek_u8(m->peek, address + i) == 0)
			return i + 1;
	m->strange = true;
	return 0;
}

/* ---- the rules --------------------------------------------------------- */

/* object___sizeof___impl(), Objects/typeobject.c. */
static uint64_t size_generic(struct measuring *m)
{
	uint64_t bytes = basic(m);
	if (m->object->type->itemsize > 0)
		bytes += times(m, OWN(m, VarObject, ob_size), (uint64_t)m->object->type->itemsize);
	return bytes;
}

/* int___sizeof___impl(), Objects/longobject.c: at least one digit from 3.11 on. */
static uint64_t size_int(struct measuring *m)
{
	if (HAS(m->layout, LongObject, lv_tag)) {
		uint64_t digits = OWN(m, LongObject, lv_tag) >> 3;
		return basic(m) + times(m, digits ?: 1, (uint64_t)m->object->type->itemsize);
	}
	int64_t signed_digits = (int64_t)OWN(m, VarObject, ob_size);
	uint64_t digits = signed_digits < 0 ? -(uint64_t)signed_digits : (uint64_t)signed_digits;
	if (!digits && python_since(m->python, PYTHON_VERSION(3, 11)))
		digits = 1;
	return (uint64_t)OFFSET(m->layout, LongObject, ob_digit) + times(m, digits, 4);
}

static unsigned state_bits(struct measuring *m, int32_t first_bit, unsigned width)
{
	if (first_bit < 0)
		return 0;
	return (unsigned)own_bytes(m, first_bit / 8, 1) >> (first_bit % 8) & ((1u << width) - 1);
}

/* unicode_sizeof_impl(), Objects/unicodeobject.c; wstr up to 3.11. */
static uint64_t size_str(struct measuring *m)
{
	const struct layout *layout = m->layout;
	unsigned kind = state_bits(m, OFFSET(layout, ASCIIObject, state_kind), 3);
	bool compact = state_bits(m, OFFSET(layout, ASCIIObject, state_compact), 1);
	bool ascii = compact && state_bits(m, OFFSET(layout, ASCIIObject, state_ascii), 1);
	uint64_t length = OWN(m, ASCIIObject, length);
	uint64_t address = m->object->address;
	uint64_t bytes, data;
	if (ascii) {
		bytes = (uint64_t)SIZEOF(layout, ASCIIObject) + times(m, length + 1, 1);
		data = address + SIZEOF(layout, ASCIIObject);
	} else if (compact) {
		bytes = (uint64_t)SIZEOF(layout, CompactUnicodeObject) + times(m, length + 1, kind);
		data = address + SIZEOF(layout, CompactUnicodeObject);
	} else {
		bytes = (uint64_t)SIZEOF(layout, UnicodeObject);
		data = OWN(m, UnicodeObject, data);
		if (data)
			bytes += times(m, length + 1, kind);
	}
	/* Subclasses of str keep the rest of their instance behind the header: the
	 * basic size does not count, as in CPython. */
	if (HAS(layout, ASCIIObject, wstr)) {
		uint64_t wstr = OWN(m, ASCIIObject, wstr);
		if (wstr && wstr != data)
			bytes += times(m, (ascii ? length : OWN(m, CompactUnicodeObject, wstr_length)) + 1, 4);
	}
	if (!ascii) {
		uint64_t utf8 = OWN(m, CompactUnicodeObject, utf8);
		if (utf8 && utf8 != data)
			bytes += times(m, OWN(m, CompactUnicodeObject, utf8_length) + 1, 1);
	}
	return bytes;
}

/* bytearray_sizeof(), Objects/bytearrayobject.c; 3.15 keeps a bytes object. */
static uint64_t size_bytearray(struct measuring *m)
{
	uint64_t allocated = OWN(m, ByteArrayObject, ob_alloc);
	uint64_t bytes = basic(m) + times(m, allocated, 1);
	if (allocated && HAS(m->layout, ByteArrayObject, ob_bytes_object))
		bytes += (uint64_t)OFFSET(m->layout, BytesObject, ob_sval) + 1;
	return bytes;
}

/* list___sizeof___impl(), Objects/listobject.c. */
static uint64_t size_list(struct measuring *m)
{
	return basic(m) + times(m, OWN(m, ListObject, allocated), 8);
}

/* set___sizeof___impl(), Objects/setobject.c; an entry is a key and its hash. */
static uint64_t size_set(struct measuring *m)
{
	if (OWN(m, SetObject, table) == m->object->address + OFFSET(m->layout, SetObject, smalltable))
		return basic(m);
	return basic(m) + times(m, OWN(m, SetObject, mask) + 1, 16);
}

/* Shared keys are the same for all instances of a class: ask once. */
static const struct cached_keys *split_keys(struct measuring *m, uint64_t address)
{
	struct cached_keys *cached = &m->sizes->keys[address / 16 % 4096];
	if (cached->address == address)
		return cached;
	struct dict_keys keys;
	if (!dict_keys_decode(m->layout, peek_at(m->peek, address, DICT_KEYS_HEADER), &keys)) {
		m->strange = true;
		return NULL;
	}
	*cached = (struct cached_keys){address, keys.slots, keys.refcount == 1 ? keys.bytes : 0};
	return cached;
}

/* _PyDict_SizeOf(), Objects/dictobject.c. */
static uint64_t size_dict(struct measuring *m)
{
	uint64_t keys = OWN(m, DictObject, ma_keys);
	uint64_t values = OWN(m, DictObject, ma_values);
	if (!values) {
		m->keys = keys;
		return basic(m);
	}
	const struct cached_keys *shared = split_keys(m, keys);
	return shared ? basic(m) + times(m, shared->slots, 8) + shared->added : basic(m);
}

/* odict_sizeof(), Objects/odictobject.c; a node is 32 bytes. */
static uint64_t size_ordered_dict(struct measuring *m)
{
	return size_dict(m) + times(m, OWN(m, ODictObject, od_fast_nodes_size), 8) +
	       times(m, OWN(m, DictObject, ma_used), 32);
}

/* type___sizeof___impl(), Objects/typeobject.c. */
static uint64_t size_type(struct measuring *m)
{
	if (!(OWN(m, TypeObject, tp_flags) & TYPE_HEAPTYPE))
		return (uint64_t)SIZEOF(m->layout, TypeObject);
	uint64_t bytes = (uint64_t)SIZEOF(m->layout, HeapTypeObject);
	uint64_t address = OWN(m, HeapTypeObject, ht_cached_keys);
	struct dict_keys keys;
	if (!address)
		return bytes;
	if (!dict_keys_decode(m->layout, peek_at(m->peek, address, DICT_KEYS_HEADER), &keys)) {
		m->strange = true;
		return bytes;
	}
	return bytes + keys.bytes;
}

/* _ctypes_CType_Type___sizeof___impl(), Modules/_ctypes/_ctypes.c, 3.13+. The
 * StgInfo lies behind the type object, aligned to 16. */
static uint64_t size_ctypes_type(struct measuring *m)
{
	uint64_t bytes = size_generic(m);
	uint64_t info = m->object->address + (((uint64_t)SIZEOF(m->layout, HeapTypeObject) + 15) & ~UINT64_C(15));
	if (!FAR_I32(m, info, StgInfo, initialized))
		return bytes;
	bytes += string_bytes(m, FAR(m, info, StgInfo, format));
	if (FAR(m, info, StgInfo, ffi_elements))
		bytes += times(m, FAR(m, info, StgInfo, length) + 1, 8);
	return bytes + times(m, (uint32_t)FAR_I32(m, info, StgInfo, ndim), 8);
}

/* PyCStgDict_sizeof(), Modules/_ctypes/stgdict.c, up to 3.12. */
static uint64_t size_stgdict(struct measuring *m)
{
	uint64_t bytes = size_dict(m) + (uint64_t)SIZEOF(m->layout, StgDictObject) -
			 (uint64_t)SIZEOF(m->layout, DictObject);
	bytes += string_bytes(m, OWN(m, StgDictObject, format));
	if (OWN(m, StgDictObject, ffi_elements))
		bytes += times(m, OWN(m, StgDictObject, length) + 1, 8);
	return bytes + times(m, OWN_U32(m, StgDictObject, ndim), 8);
}

/* code_sizeof(), Objects/codeobject.c. co_extra is a count and as many words. */
static uint64_t size_code(struct measuring *m)
{
	uint64_t bytes = size_generic(m);
	if (python_since(m->python, PYTHON_VERSION(3, 11)))
		bytes = (bytes + 7) & ~UINT64_C(7);
	uint64_t extra = OWN(m, CodeObject, co_extra);
	if (extra)
		bytes += 8 + times(m, peek_u64(m->peek, extra), 8);
	if (HAS(m->layout, CodeObject, co_cell2arg)) {
		uint64_t cellvars = OWN(m, CodeObject, co_cellvars);
		if (OWN(m, CodeObject, co_cell2arg) && cellvars)
			bytes += times(m, var_size(m, cellvars), 8);
	}
	if (HAS(m->layout, CodeObject, co_opcache) && OWN(m, CodeObject, co_opcache))
		bytes += times(m, var_size(m, OWN(m, CodeObject, co_code)) / 2, 1) +
			 times(m, OWN_U8(m, CodeObject, co_opcache_size),
			       (uint64_t)SIZEOF(m->layout, OpCache));
	return bytes;
}

/* Slots that a frame of this code has for its locals and its stack. */
static uint64_t frame_slots(struct measuring *m, uint64_t code)
{
	struct cached *cached = &m->sizes->code_slots[code / 16 % 1024];
	if (cached->address == code)
		return cached->value;
	int64_t slots;
	if (HAS(m->layout, CodeObject, co_framesize)) /* 3.12+: the frame's header is counted in */
		slots = FAR_I32(m, code, CodeObject, co_framesize) -
			OFFSET(m->layout, InterpreterFrame, localsplus) / 8;
	else if (HAS(m->layout, CodeObject, co_nlocalsplus))
		slots = (int64_t)FAR_I32(m, code, CodeObject, co_nlocalsplus) +
			FAR_I32(m, code, CodeObject, co_stacksize);
	else
		slots = (int64_t)FAR_I32(m, code, CodeObject, co_nlocals) +
			FAR_I32(m, code, CodeObject, co_stacksize) +
			(int64_t)var_size(m, FAR(m, code, CodeObject, co_cellvars)) +
			(int64_t)var_size(m, FAR(m, code, CodeObject, co_freevars));
	if (slots < 0 || slots > (1 << 24)) {
		m->strange = true;
		return 0;
	}
	*cached = (struct cached){code, (uint64_t)slots};
	return cached->value;
}

/* The word an interpreter frame keeps its code in; 3.14+ tags it. */
static uint64_t code_of(struct measuring *m, uint64_t word)
{
	return python_since(m->python, PYTHON_VERSION(3, 14)) ? word & ~UINT64_C(3) : word;
}

/* frame_sizeof(), Objects/frameobject.c. */
static uint64_t size_frame(struct measuring *m)
{
	if (!HAS(m->layout, FrameObject, f_frame))
		return (uint64_t)SIZEOF(m->layout, FrameObject) - 8 +
		       8 * frame_slots(m, OWN(m, FrameObject, f_code));
	uint64_t code = code_of(m, FAR(m, OWN(m, FrameObject, f_frame), InterpreterFrame, f_code));
	return (uint64_t)OFFSET(m->layout, FrameObject, f_frame_data) +
	       (uint64_t)OFFSET(m->layout, InterpreterFrame, localsplus) + 8 * frame_slots(m, code);
}

/* gen_sizeof(), Objects/genobject.c, 3.11+: the frame lies in the generator. */
static uint64_t size_generator(struct measuring *m)
{
	const struct layout *layout = m->layout;
	if (!HAS(layout, GenObject, gi_iframe))
		return size_generic(m);
	uint64_t code;
	if (HAS(layout, GenObject, gi_code))
		code = OWN(m, GenObject, gi_code);
	else
		code = code_of(m, own_bytes(m, OFFSET(layout, GenObject, gi_iframe) +
						       OFFSET(layout, InterpreterFrame, f_code), 8));
	return (uint64_t)OFFSET(layout, GenObject, gi_iframe) +
	       (uint64_t)OFFSET(layout, InterpreterFrame, localsplus) + 8 * frame_slots(m, code);
}

/* deque___sizeof___impl(), Modules/_collectionsmodule.c: blocks of 64 items. */
static uint64_t size_deque(struct measuring *m)
{
	uint64_t last = OWN(m, DequeObject, leftindex) + OWN(m, VarObject, ob_size);
	return basic(m) + times(m, (last + 63) / 64, 528);
}

/* array_array___sizeof___impl(), Modules/arraymodule.c. */
static uint64_t size_array(struct measuring *m)
{
	uint32_t itemsize = (uint32_t)FAR_I32(m, OWN(m, ArrayObject, ob_descr), ArrayDescr, itemsize);
	return basic(m) + times(m, OWN(m, ArrayObject, allocated), itemsize);
}

/* Bytes of a bytes object as sys.getsizeof() counts them. */
static uint64_t bytes_object_size(struct measuring *m, uint64_t address)
{
	return (uint64_t)OFFSET(m->layout, BytesObject, ob_sval) + 1 + times(m, var_size(m, address), 1);
}

/* _io_BytesIO___sizeof___impl(), Modules/_io/bytesio.c: a shared buffer is not its. */
static uint64_t size_bytes_io(struct measuring *m)
{
	uint64_t buf = OWN(m, BytesIO, buf);
	if (!buf)
		return basic(m);
	uint64_t refcount = FAR(m, buf, Object, ob_refcnt);
	if (python_since(m->python, PYTHON_VERSION(3, 12)))
		refcount = (uint32_t)refcount;
	return refcount > 1 ? basic(m) : basic(m) + bytes_object_size(m, buf);
}

/* _io__Buffered___sizeof___impl(), Modules/_io/bufferedio.c. */
static uint64_t size_buffered(struct measuring *m)
{
	return OWN(m, Buffered, buffer) ? basic(m) + times(m, OWN(m, Buffered, buffer_size), 1) : basic(m);
}

/* dec_sizeof(), Modules/_decimal/_decimal.c; MPD_DATAFLAGS of mpdecimal.h: the
 * coefficient is its own block only when none of the three is set. */
static uint64_t size_decimal(struct measuring *m)
{
	if (OWN_U8(m, DecObject, flags) & 0xe0)
		return basic(m);
	return basic(m) + times(m, OWN(m, DecObject, alloc), 8);
}

/* itertools_*___sizeof___impl(), Modules/itertoolsmodule.c. */
static uint64_t size_product(struct measuring *m)
{
	return basic(m) + times(m, var_size(m, OWN(m, ProductObject, pools)), 8);
}

static uint64_t size_combinations(struct measuring *m)
{
	return basic(m) + times(m, OWN(m, CombinationsObject, r), 8);
}

static uint64_t size_cwr(struct measuring *m)
{
	return basic(m) + times(m, OWN(m, CwrObject, r), 8);
}

static uint64_t size_permutations(struct measuring *m)
{
	return basic(m) + times(m, var_size(m, OWN(m, PermutationsObject, pool)), 8) +
	       times(m, OWN(m, PermutationsObject, r), 8);
}

/* s_sizeof(), Modules/_struct.c: codes up to one without a definition. */
static uint64_t size_struct(struct measuring *m)
{
	uint64_t code = OWN(m, StructObject, s_codes);
	uint64_t each = (uint64_t)SIZEOF(m->layout, FormatCode);
	uint64_t bytes = basic(m) + each;
	for (unsigned i = 0; code && FAR(m, code, FormatCode, fmtdef); i++, code += each) {
		if (i == FORMAT_CODES_MAX) {
			m->strange = true;
			break;
		}
		bytes += each;
	}
	return bytes;
}

/* _pickle_Pickler___sizeof___impl(), Modules/_pickle.c. */
static uint64_t size_pickler(struct measuring *m)
{
	uint64_t bytes = basic(m);
	uint64_t memo = OWN(m, PicklerObject, memo);
	if (memo)
		bytes += (uint64_t)SIZEOF(m->layout, PyMemoTable) +
			 times(m, FAR(m, memo, PyMemoTable, mt_allocated),
			       (uint64_t)SIZEOF(m->layout, PyMemoEntry));
	uint64_t output = OWN(m, PicklerObject, output_buffer);
	return output ? bytes + bytes_object_size(m, output) : bytes;
}

/* _pickle_Unpickler___sizeof___impl(), Modules/_pickle.c. */
static uint64_t size_unpickler(struct measuring *m)
{
	uint64_t bytes = basic(m);
	if (OWN(m, UnpicklerObject, memo))
		bytes += times(m, OWN(m, UnpicklerObject, memo_size), 8);
	if (OWN(m, UnpicklerObject, marks))
		bytes += times(m, OWN(m, UnpicklerObject, marks_size), 8);
	return bytes + string_bytes(m, OWN(m, UnpicklerObject, input_line)) +
	       string_bytes(m, OWN(m, UnpicklerObject, encoding)) +
	       string_bytes(m, OWN(m, UnpicklerObject, errors));
}

/* _elementtree_Element___sizeof___impl(), Modules/_elementtree.c. */
static uint64_t size_element(struct measuring *m)
{
	uint64_t extra = OWN(m, ElementObject, extra);
	if (!extra)
		return basic(m);
	uint64_t bytes = basic(m) + (uint64_t)SIZEOF(m->layout, ElementObjectExtra);
	if (FAR(m, extra, ElementObjectExtra, children) !=
	    extra + OFFSET(m->layout, ElementObjectExtra, inline_children))
		bytes += times(m, FAR(m, extra, ElementObjectExtra, allocated), 8);
	return bytes;
}

/* Modules/_queuemodule.c: a ring of items, measured from 3.15 on. */
static uint64_t size_simple_queue(struct measuring *m)
{
	return basic(m) + times(m, OWN(m, SimpleQueueObject, items_cap), 8);
}

/* ---- which rule -------------------------------------------------------- */

/* X(RULE, function, owns): with `owns` all beyond the basic size lies in blocks of
 * its own. */
#define SIZE_RULES(X)                                                                              \
	X(GENERIC, size_generic, false)                                                              \
	X(INT, size_int, false)                                                                      \
	X(STR, size_str, false)                                                                      \
	X(BYTEARRAY, size_bytearray, true)                                                           \
	X(LIST, size_list, true)                                                                     \
	X(SET, size_set, true)                                                                       \
	X(DICT, size_dict, true)                                                                     \
	X(ORDERED_DICT, size_ordered_dict, true)                                                     \
	X(TYPE, size_type, false)                                                                    \
	X(CTYPES_TYPE, size_ctypes_type, false)                                                      \
	X(STGDICT, size_stgdict, true)                                                               \
	X(CODE, size_code, false)                                                                    \
	X(FRAME, size_frame, false)                                                                  \
	X(GENERATOR, size_generator, false)                                                          \
	X(DEQUE, size_deque, true)                                                                   \
	X(ARRAY, size_array, true)                                                                   \
	X(BYTES_IO, size_bytes_io, false)                                                            \
	X(BUFFERED, size_buffered, true)                                                             \
	X(DECIMAL, size_decimal, true)                                                               \
	X(PRODUCT, size_product, true)                                                               \
	X(COMBINATIONS, size_combinations, true)                                                     \
	X(CWR, size_cwr, true)                                                                       \
	X(PERMUTATIONS, size_permutations, true)                                                     \
	X(STRUCT, size_struct, true)                                                                 \
	X(PICKLER, size_pickler, true)                                                               \
	X(UNPICKLER, size_unpickler, true)                                                           \
	X(ELEMENT, size_element, true)                                                               \
	X(SIMPLE_QUEUE, size_simple_queue, true)

enum size_rule {
#define X(name, function, owns) RULE_##name,
	SIZE_RULES(X)
#undef X
};

/* By tp_name. `size` is that of its C structure: a type of a basic size that no build
 * has is not the one we know. 0: not checked, builtin types only. `since`: first
 * version with the rule. */
static const struct named_rule {
	const char *name;
	uint8_t rule;
	enum layout_field size;
	uint32_t since;
} named_rules[] = {
	{"set", RULE_SET, L_SetObject_sizeof, 0},
	{"frozenset", RULE_SET, L_SetObject_sizeof, 0},
	{"bytearray", RULE_BYTEARRAY, L_ByteArrayObject_sizeof, 0},
	{"frozendict", RULE_DICT, 0, PYTHON_VERSION(3, 15)},
	{"code", RULE_CODE, 0, 0},
	{"frame", RULE_FRAME, 0, 0},
	{"generator", RULE_GENERATOR, 0, 0},
	{"coroutine", RULE_GENERATOR, 0, 0},
	{"async_generator", RULE_GENERATOR, 0, 0},
	{"StgDict", RULE_STGDICT, L_StgDictObject_sizeof, 0},
	{"_ctypes.StgDict", RULE_STGDICT, L_StgDictObject_sizeof, 0},
	{"_ctypes.CType_Type", RULE_CTYPES_TYPE, 0, PYTHON_VERSION(3, 13)},
	{"collections.OrderedDict", RULE_ORDERED_DICT, L_ODictObject_sizeof, 0},
	{"collections.deque", RULE_DEQUE, L_DequeObject_sizeof, 0},
	{"array.array", RULE_ARRAY, L_ArrayObject_sizeof, 0},
	{"_io.BytesIO", RULE_BYTES_IO, L_BytesIO_sizeof, 0},
	{"_io.BufferedReader", RULE_BUFFERED, L_Buffered_sizeof, 0},
	{"_io.BufferedWriter", RULE_BUFFERED, L_Buffered_sizeof, 0},
	{"_io.BufferedRandom", RULE_BUFFERED, L_Buffered_sizeof, 0},
	{"decimal.Decimal", RULE_DECIMAL, L_DecObject_sizeof, 0},
	{"itertools.product", RULE_PRODUCT, L_ProductObject_sizeof, 0},
	{"itertools.combinations", RULE_COMBINATIONS, L_CombinationsObject_sizeof, 0},
	{"itertools.combinations_with_replacement", RULE_CWR, L_CwrObject_sizeof, 0},
	{"itertools.permutations", RULE_PERMUTATIONS, L_PermutationsObject_sizeof, 0},
	{"Struct", RULE_STRUCT, L_StructObject_sizeof, 0},
	{"_struct.Struct", RULE_STRUCT, L_StructObject_sizeof, 0},
	{"_pickle.Pickler", RULE_PICKLER, L_PicklerObject_sizeof, 0},
	{"_pickle.Unpickler", RULE_UNPICKLER, L_UnpicklerObject_sizeof, 0},
	{"xml.etree.ElementTree.Element", RULE_ELEMENT, L_ElementObject_sizeof, 0},
	{"_queue.SimpleQueue", RULE_SIMPLE_QUEUE, L_SimpleQueueObject_sizeof, PYTHON_VERSION(3, 15)},
};

/* Bases are followed this far: no class hierarchy is deeper. */
#define MAX_BASES 256

static const struct named_rule *rule_by_name(struct python *python, uint64_t type)
{
	const struct layout *layout = &python->layout;
	char name[64];
	peek_string(python->peek, peek_u64(python->peek, type + OFFSET(layout, TypeObject, tp_name)),
		    name, sizeof(name));
	uint64_t flags = peek_u64(python->peek, type + OFFSET(layout, TypeObject, tp_flags));
	int64_t basicsize = peek_i64(python->peek, type + OFFSET(layout, TypeObject, tp_basicsize));
	/* A class of Python code has a bare name, a heap type of C code a dotted one. */
	if ((flags & TYPE_HEAPTYPE) && !strchr(name, '.'))
		return NULL;
	for (size_t i = 0; i < sizeof(named_rules) / sizeof(named_rules[0]); i++) {
		const struct named_rule *rule = &named_rules[i];
		if (strcmp(rule->name, name) == 0 && python_since(python, rule->since) &&
		    (!rule->size || layout->at[rule->size] == basicsize ||
		     layout_adopt_structure(&python->layout, rule->size, (int32_t)basicsize,
					    python->hexversion)))
			return rule;
	}
	return NULL;
}

static uint8_t rule_of(struct python *python, const struct type *type)
{
	uint64_t address = type->address;
	for (unsigned i = 0; address && i < MAX_BASES; i++) {
		const struct named_rule *rule = rule_by_name(python, address);
		if (peek_take_fault(python->peek) != FAULT_NONE)
			break;
		if (rule)
			return rule->rule;
		address = peek_u64(python->peek, address + OFFSET(&python->layout, TypeObject, tp_base));
	}
	peek_take_fault(python->peek);
	return type->flags & TYPE_LONG_SUBCLASS	     ? RULE_INT
	       : type->flags & TYPE_LIST_SUBCLASS    ? RULE_LIST
	       : type->flags & TYPE_UNICODE_SUBCLASS ? RULE_STR
	       : type->flags & TYPE_DICT_SUBCLASS    ? RULE_DICT
	       : type->flags & TYPE_TYPE_SUBCLASS    ? RULE_TYPE
						     : RULE_GENERIC;
}

void size_rule_assign(struct python *python, struct type *type)
{
	type->rule = rule_of(python, type);
	if (type->rule == RULE_GENERIC && type->itemsize == 0)
		type->fixed = (uint32_t)type->basicsize + type->prefix;
}

/* ---- measuring --------------------------------------------------------- */

/* What sys.getsizeof() adds to __sizeof__(): _PySys_GetSizeOf(), Python/sysmodule.c.
 * Static types have no GC head; 3.11 and 3.12 add one all the same. */
static unsigned header_bytes(struct measuring *m)
{
	const struct type *type = m->object->type;
	bool by_type = python_since(m->python, PYTHON_VERSION(3, 11)) &&
		       !python_since(m->python, PYTHON_VERSION(3, 13));
	if (!by_type && (type->flags & TYPE_TYPE_SUBCLASS) &&
	    !(OWN(m, TypeObject, tp_flags) & TYPE_HEAPTYPE))
		return 0;
	return type->prefix;
}

struct sizes *sizes_new(struct python *python)
{
	struct sizes *sizes = calloc(1, sizeof(*sizes));
	if (sizes)
		sizes->python = python;
	return sizes;
}

void sizes_free(struct sizes *sizes)
{
	free(sizes);
}

enum fault sizes_measure(struct sizes *sizes, const struct object *object, struct measure *ret_measure)
{
	static const struct {
		uint64_t (*size)(struct measuring *);
		bool owns;
	} rules[] = {
#define X(name, function, owns) {function, owns},
		SIZE_RULES(X)
#undef X
	};
	struct measuring m = {
		.sizes = sizes,
		.python = sizes->python,
		.peek = sizes->python->peek,
		.layout = &sizes->python->layout,
		.object = object,
	};
	uint64_t bytes = rules[object->type->rule].size(&m);
	unsigned header = header_bytes(&m);
	enum fault fault = peek_take_fault(m.peek);
	if (fault == FAULT_NONE && (m.strange || bytes >= IMPOSSIBLE_SIZE))
		fault = FAULT_STRANGE;
	if (fault != FAULT_NONE)
		*ret_measure = (struct measure){.bytes = basic(&m) + header};
	else
		*ret_measure = (struct measure){
			.bytes = bytes + header,
			.owned = rules[object->type->rule].owns && bytes > basic(&m) ? bytes - basic(&m) : 0,
			.keys = m.keys,
		};
	return fault;
}

enum fault sizes_add_keys(struct sizes *sizes, const void *keys_header, uint64_t *bytes)
{
	struct dict_keys keys;
	if (!dict_keys_decode(&sizes->python->layout, keys_header, &keys) || keys.bytes >= IMPOSSIBLE_SIZE)
		return FAULT_STRANGE;
	if (keys.refcount == 1)
		*bytes += keys.bytes;
	return FAULT_NONE;
}
