/* SPDX-License-Identifier: MIT */
#include "elf/symbols.h"

#include <string.h>

#include "base/array.h"
#include "base/bisect.h"
#include "elf/module_private.h"
#include "elf/stubs.h"

/* Chromium has a million; what is more is left out. */
#define MAX_SYMBOLS ((size_t)4 << 20)

/* So many symbols in a row may begin in one that goes on behind them. */
#define MOST_NESTED 64

struct symbol {
	uint64_t value; /* address in the file */
	uint64_t size;  /* 0: up to the next, */
	uint64_t end;   /* but not so far */
	const char *name;
	int rank; /* the lower the better */
};

struct name {
	struct name *next;
	char text[];
};

struct symbols {
	uint64_t bias;
	const struct elf_file *file; /* that they are taken from, while they are */
	struct name *names;          /* that are in no file */
	struct symbol *items; /* by value; among those of one the best last */
	size_t count, capacity;
	bool failed; /* for want of memory */
};

/* What a program calls it comes before what a library calls it to itself: `read` before
 * `__read` and `__GI___read`. */
static int rank_of(const char *name, const GElf_Sym *symbol)
{
	int bind = GELF_ST_BIND(symbol->st_info);
	int rank = bind == STB_LOCAL ? 16 : 0;
	size_t underscores = strspn(name, "_");
	return rank + (underscores < 8 ? (int)underscores : 8);
}

static bool add(struct symbols *symbols, const struct symbol *symbol)
{
	if (!ARRAY_RESERVE(symbols->items, symbols->capacity, symbols->count + 1))
		return false;
	symbols->items[symbols->count++] = *symbol;
	return true;
}

/* One without a size goes no further than its section: what follows `_init` are the stubs
 * of the linker. */
static uint64_t end_of(const struct elf_file *file, const GElf_Sym *symbol)
{
	GElf_Shdr header;
	Elf_Scn *section = file && symbol->st_size == 0 ? elf_getscn(file->elf, symbol->st_shndx)
							: NULL;
	return section && gelf_getshdr(section, &header) && header.sh_addr <= symbol->st_value
		       ? header.sh_addr + header.sh_size
		       : UINT64_MAX;
}

static bool take(const char *name, const GElf_Sym *symbol, void *context)
{
	struct symbols *symbols = context;
	int type = GELF_ST_TYPE(symbol->st_info);
	if ((type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE) || !*name ||
	    symbol->st_shndx == SHN_ABS || symbols->count == MAX_SYMBOLS)
		return false;
	/* Labels of the linker, and of data. */
	if (type == STT_NOTYPE && symbol->st_size == 0 && GELF_ST_BIND(symbol->st_info) == STB_LOCAL)
		return false;
	symbols->failed = !add(symbols, &(struct symbol){symbol->st_value, symbol->st_size,
							 end_of(symbols->file, symbol), name,
							 rank_of(name, symbol)});
	return symbols->failed;
}

static void take_stub(const char *name, uint64_t address, uint64_t size, void *context)
{
	static const char suffix[] = "@plt";
	struct symbols *symbols = context;
	size_t length = strlen(name);
	if (length == 0 || symbols->count == MAX_SYMBOLS)
		return;
	struct name *copy = malloc(sizeof(*copy) + length + sizeof(suffix));
	if (!copy) {
		symbols->failed = true;
		return;
	}
	memcpy(copy->text, name, length);
	memcpy(copy->text + length, suffix, sizeof(suffix));
	copy->next = symbols->names;
	symbols->names = copy;
	if (!add(symbols, &(struct symbol){address, size, UINT64_MAX, copy->text, 0}))
		symbols->failed = true;
}

static void take_all(struct symbols *symbols, const struct elf_file *file, uint32_t type)
{
	symbols->file = file;
	elf_file_symbols(file, type, take, symbols);
	symbols->file = NULL;
}

static int compare(const void *a, const void *b)
{
	const struct symbol *left = a, *right = b;
	if (left->value != right->value)
		return left->value < right->value ? -1 : 1;
	if (left->rank != right->rank)
		return left->rank < right->rank ? 1 : -1;
	return -strcmp(left->name, right->name);
}

struct symbols *symbols_new(struct elf_module *module)
{
	CLEANUP(symbols_freep) struct symbols *symbols = calloc(1, sizeof(*symbols));
	if (!symbols)
		return NULL;
	symbols->bias = module->bias;
	const struct elf_file *image = elf_module_image(module);
	const struct elf_file *debug = elf_module_debug_file(module);
	if (debug)
		take_all(symbols, debug, SHT_SYMTAB);
	if (image && symbols->count == 0)
		take_all(symbols, image, SHT_SYMTAB);
	if (image && symbols->count == 0)
		take_all(symbols, image, SHT_DYNSYM);
	if (module->dynamic && symbols->count == 0)
		dynamic_symbols(module->dynamic, take, symbols);
	if (image)
		elf_file_stubs(image, take_stub, symbols);
	if (symbols->failed)
		return NULL;
	if (symbols->count)
		qsort(symbols->items, symbols->count, sizeof(*symbols->items), compare);
	return take_pointer(symbols);
}

void symbols_free(struct symbols *symbols)
{
	if (!symbols)
		return;
	while (symbols->names) {
		struct name *next = symbols->names->next;
		free(symbols->names);
		symbols->names = next;
	}
	free(symbols->items);
	free(symbols);
}

/* How many begin at or before the address. */
static size_t begun(const struct symbols *symbols, uint64_t address)
{
	return BISECT(symbols->count, at, symbols->items[at].value <= address);
}

bool symbols_find(const struct symbols *symbols, uint64_t address, const char **ret_name,
		  uint64_t *ret_start)
{
	uint64_t at = address - symbols->bias;
	size_t last = begun(symbols, at);
	uint64_t nearest = last ? symbols->items[last - 1].value : 0;
	for (size_t i = last; i > 0 && last - i < MOST_NESTED; i--) {
		const struct symbol *symbol = &symbols->items[i - 1];
		bool covers = symbol->size ? at - symbol->value < symbol->size
					   : symbol->value == nearest && at < symbol->end;
		if (!covers)
			continue;
		*ret_name = symbol->name;
		*ret_start = symbol->value + symbols->bias;
		return true;
	}
	return false;
}
