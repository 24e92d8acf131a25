/* SPDX-License-Identifier: MIT */
#include "python/prove.h"

#include <stdlib.h>
#include <string.h>

#include "python/dict.h"
#include "python/gc.h"
#include "python/types.h"
#include "python/unicode.h"
#include "target/target.h"

static bool is_pointer(uint64_t word)
{
	return word >= 4096 && word % 8 == 0 && word < UINT64_C(1) << 47;
}

/* Its tp_name is exactly this. */
static bool is_named(struct python *python, uint64_t type, const char *name)
{
	char buffer[32];
	peek_string(python->peek,
		    peek_u64(python->peek, type + OFFSET(&python->layout, TypeObject, tp_name)), buffer,
		    sizeof(buffer));
	return strcmp(buffer, name) == 0;
}

static uint64_t type_of(struct python *python, uint64_t object)
{
	return peek_u64(python->peek, object + OFFSET(&python->layout, Object, ob_type));
}

/* sys.modules is a dict, type(dict) is type, type(type) is type, type's base is
 * object. */
static bool prove_types(struct python *python, uint64_t interpreter)
{
	const struct layout *layout = &python->layout;
	uint64_t modules = peek_u64(python->peek, interpreter + OFFSET(layout, InterpreterState, modules));
	if (!is_pointer(modules))
		return false;
	uint64_t dict_type = type_of(python, modules);
	if (!is_pointer(dict_type) || !is_named(python, dict_type, "dict"))
		return false;
	uint64_t type_type = type_of(python, dict_type);
	if (!is_pointer(type_type) || type_of(python, type_type) != type_type ||
	    !is_named(python, type_type, "type"))
		return false;
	uint64_t object_type = peek_u64(python->peek, type_type + OFFSET(layout, TypeObject, tp_base));
	if (!is_pointer(object_type) || !is_named(python, object_type, "object"))
		return false;
	/* Neighbours of tp_name that only fit where the whole of the table does. */
	uint64_t flags = peek_u64(python->peek, type_type + OFFSET(layout, TypeObject, tp_flags));
	int64_t size = peek_i64(python->peek, object_type + OFFSET(layout, TypeObject, tp_basicsize));
	if (!(flags & TYPE_TYPE_SUBCLASS) || !(flags & TYPE_READY) || size != SIZEOF(layout, Object))
		return false;
	python->dict_type = dict_type;
	python->type_type = type_type;
	return true;
}

/* Value of a small non-negative int object. */
static uint32_t small_int(struct python *python, uint64_t object)
{
	const struct layout *layout = &python->layout;
	uint64_t digits = HAS(layout, LongObject, lv_tag)
				  ? peek_u64(python->peek, object + OFFSET(layout, LongObject, lv_tag)) >> 3
				  : peek_u64(python->peek, object + OFFSET(layout, VarObject, ob_size));
	uint64_t address = object + OFFSET(layout, LongObject, ob_digit);
	uint32_t value = digits >= 1 ? peek_u32(python->peek, address) : 0;
	if (digits >= 2)
		value |= peek_u32(python->peek, address + 4) << 30;
	return value;
}

/* sys.hexversion and sys.abiflags agree with what the candidate seemed to be. */
static bool prove_version(struct python *python, uint64_t interpreter)
{
	const struct layout *layout = &python->layout;
	uint64_t sysdict = peek_u64(python->peek, interpreter + OFFSET(layout, InterpreterState, sysdict));
	if (!is_pointer(sysdict) || type_of(python, sysdict) != python->dict_type)
		return false;
	uint64_t hexversion = dict_find(python->peek, layout, sysdict, "hexversion");
	uint64_t abiflags = dict_find(python->peek, layout, sysdict, "abiflags");
	if (!hexversion)
		return false;
	uint32_t version = small_int(python, hexversion);
	if (version >> 16 != python->hexversion >> 16)
		return false;
	python->hexversion = version;
	char *flags = abiflags ? unicode_read(python->peek, layout, abiflags) : NULL;
	python->debug = flags && strchr(flags, 'd');
	free(flags);
	return true;
}

/* A thread state of the interpreter points back at it. */
static bool prove_threads(struct python *python, uint64_t interpreter)
{
	const struct layout *layout = &python->layout;
	uint64_t thread = peek_u64(python->peek, interpreter + OFFSET(layout, InterpreterState, threads_head));
	return is_pointer(thread) &&
	       peek_u64(python->peek, thread + OFFSET(layout, ThreadState, interp)) == interpreter;
}

enum fault python_list_interpreters(struct python *python)
{
	const struct layout *layout = &python->layout;
	struct interpreter *items = NULL;
	size_t count = 0;
	uint64_t address = peek_u64(python->peek, python->address + OFFSET(layout, RuntimeState, interpreters_head));
	while (address) {
		if (!is_pointer(address) || count == PYTHON_MAX_INTERPRETERS) {
			peek_raise(python->peek, FAULT_STRANGE);
			break;
		}
		struct interpreter *more = realloc(items, (count + 1) * sizeof(*items));
		if (!more)
			break;
		items = more;
		/* The newest is at the head: put each before the older ones' places. */
		memmove(items + 1, items, count * sizeof(*items));
		items[0] = (struct interpreter){
			.address = address,
			.id = peek_i64(python->peek, address + OFFSET(layout, InterpreterState, id)),
			.gc = HAS(layout, InterpreterState, gc)
				      ? address + OFFSET(layout, InterpreterState, gc)
				      : python->address + OFFSET(layout, RuntimeState, gc),
		};
		count++;
		address = peek_u64(python->peek, address + OFFSET(layout, InterpreterState, next));
	}
	enum fault fault = peek_take_fault(python->peek);
	if (fault == FAULT_NONE && count == 0)
		fault = FAULT_STRANGE;
	if (fault != FAULT_NONE) {
		free(items);
		return fault;
	}
	free(python->interpreters);
	python->interpreters = items;
	python->interpreter_count = count;
	return FAULT_NONE;
}

/* 3.13+: interp->obmalloc points to a state that makes sense. Patch releases of 3.14
 * differ in nothing else that proof would meet. */
static bool prove_obmalloc(struct python *python, uint64_t interpreter)
{
	const struct layout *layout = &python->layout;
	if (!python_since(python, PYTHON_VERSION(3, 13)) || !HAS(layout, InterpreterState, obmalloc))
		return true;
	uint64_t state = peek_u64(python->peek, interpreter + OFFSET(layout, InterpreterState, obmalloc));
	if (!is_pointer(state))
		return false;
	uint64_t arenas = peek_u64(python->peek, state + OFFSET(layout, ObmallocState, arenas));
	uint32_t slots = peek_u32(python->peek, state + OFFSET(layout, ObmallocState, maxarenas));
	uint64_t used = peek_u64(python->peek, state + OFFSET(layout, ObmallocState, narenas_currently_allocated));
	return used <= slots && (arenas != 0) == (slots != 0) && (!arenas || is_pointer(arenas));
}

/* One end of the list is an object: its type is one whose metatype is one. */
static bool leads_to_object(struct python *python, uint64_t head)
{
	const struct layout *layout = &python->layout;
	const uint64_t ends[] = {head + OFFSET(layout, GcHead, next), head + OFFSET(layout, GcHead, prev)};
	for (size_t i = 0; i < 2; i++) {
		uint64_t link = peek_u64(python->peek, ends[i]) & GC_POINTER_MASK;
		uint64_t type = is_pointer(link) ? type_of(python, link + SIZEOF(layout, GcHead)) : 0;
		uint64_t metatype = is_pointer(type) ? type_of(python, type) : 0;
		bool found = is_pointer(metatype) && type_of(python, metatype) == python->type_type;
		if (peek_take_fault(python->peek) == FAULT_NONE && found)
			return true;
	}
	return false;
}

/* While a generation is collected its _gc_prev words hold counts and its list may look
 * broken; the younger ones are empty then, and whole. The permanent one alone proves nothing:
 * it lies where it does in both kinds of 3.13. A snapshot of a process that ran is of no one
 * instant, and no second look helps: lists that were worked on may be broken in it, and lead
 * to objects all the same. */
static bool prove_lists(struct python *python, uint64_t gc)
{
	const struct layout *layout = &python->layout;
	bool is_file = target_proc_directory(peek_target(python->peek)) < 0;
	uint64_t heads[GC_HEADS];
	unsigned whole = 0;
	gc_heads(layout, gc, heads);
	for (unsigned i = 0; i < GC_HEADS; i++)
		whole += gc_list_is_circular(python->peek, layout, heads[i]) ||
			 (is_file && leads_to_object(python, heads[i]));
	bool collecting = peek_i32(python->peek, gc + OFFSET(layout, GcState, collecting)) == 1;
	return peek_take_fault(python->peek) == FAULT_NONE &&
	       whole >= (collecting || is_file ? 2 : GC_HEADS);
}

/* Every structure that nothing works without. */
static bool is_usable(const struct layout *layout)
{
	return HAS(layout, RuntimeState, interpreters_head) && HAS(layout, InterpreterState, next) &&
	       HAS(layout, InterpreterState, id) && HAS(layout, InterpreterState, threads_head) &&
	       HAS(layout, InterpreterState, modules) && HAS(layout, InterpreterState, sysdict) &&
	       (HAS(layout, InterpreterState, gc) || HAS(layout, RuntimeState, gc)) &&
	       HAS(layout, ThreadState, interp) && HAS(layout, Object, ob_type) &&
	       HAS(layout, TypeObject, tp_name) && HAS(layout, TypeObject, tp_base) &&
	       HAS(layout, TypeObject, tp_flags) && HAS(layout, GcState, enabled) &&
	       HAS(layout, DictObject, ma_keys) && HAS(layout, ASCIIObject, state_kind);
}

enum verdict prove_runtime(struct python *python, const char **ret_reason)
{
	const struct layout *layout = &python->layout;
	*ret_reason = "the layout lacks essential fields";
	if (!is_usable(layout))
		return VERDICT_WRONG;

	peek_take_fault(python->peek);
	uint64_t head = peek_u64(python->peek, python->address + OFFSET(layout, RuntimeState, interpreters_head));
	if (peek_take_fault(python->peek) != FAULT_NONE) {
		*ret_reason = "the runtime state cannot be read";
		return VERDICT_UNREADABLE;
	}
	*ret_reason = "it has no interpreter";
	if (head == 0)
		return VERDICT_NOT_READY;
	*ret_reason = "the chain of interpreters is damaged";
	if (python_list_interpreters(python) != FAULT_NONE)
		return VERDICT_WRONG;

	uint64_t main = python->interpreters[0].address;
	*ret_reason = "its interpreter has no thread yet";
	if (!peek_u64(python->peek, main + OFFSET(layout, InterpreterState, threads_head)))
		return VERDICT_NOT_READY;
	*ret_reason = "no thread state points back at the interpreter";
	if (!prove_threads(python, main) || peek_take_fault(python->peek) != FAULT_NONE)
		return VERDICT_WRONG;
	/* From here on it is a runtime of about this layout. While it starts or ends,
	 * what follows is not there. */
	*ret_reason = "Py_Finalize() is running";
	if (HAS(layout, RuntimeState, finalizing) &&
	    peek_u64(python->peek, python->address + OFFSET(layout, RuntimeState, finalizing)) != 0)
		return VERDICT_FINALIZING;
	*ret_reason = "Py_Initialize() has not come to its end";
	if (HAS(layout, RuntimeState, initialized) &&
	    peek_i32(python->peek, python->address + OFFSET(layout, RuntimeState, initialized)) == 0)
		return VERDICT_NOT_READY;
	peek_take_fault(python->peek);

	*ret_reason = "type(type) is not type, or sys.modules is not a dict";
	if (!prove_types(python, main) || peek_take_fault(python->peek) != FAULT_NONE)
		return VERDICT_WRONG;
	*ret_reason = "the version words do not agree";
	if (!prove_version(python, main) || peek_take_fault(python->peek) != FAULT_NONE)
		return VERDICT_WRONG;
	*ret_reason = "the state of the allocator contradicts itself";
	if (!prove_obmalloc(python, main) || peek_take_fault(python->peek) != FAULT_NONE)
		return VERDICT_WRONG;
	*ret_reason = "the lists of the collector are not circular";
	for (size_t i = 0; i < python->interpreter_count; i++)
		if (!prove_lists(python, python->interpreters[i].gc))
			return VERDICT_WRONG;
	return VERDICT_PROVEN;
}
