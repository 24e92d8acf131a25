/* SPDX-License-Identifier: MIT */
#include "elf/stubs.h"

#include <string.h>

/* No linker writes other ones; those of lazy binding come after a header of their own. */
enum { STUB_SIZE = 16, MOST_STUBS = 1 << 20 };

static const char *name_of(const struct elf_file *file, Elf_Data *symbols, size_t strings,
			   const GElf_Rela *relocation)
{
	GElf_Sym symbol;
	uint64_t number = GELF_R_SYM(relocation->r_info);
	if (number == 0 || number > INT32_MAX || !gelf_getsym(symbols, (int)number, &symbol))
		return NULL;
	return elf_strptr(file->elf, strings, symbol.st_name);
}

/* The stubs stand in the order of the relocations of their slots. */
static void visit_section(const struct elf_file *file, const char *section, size_t count,
			  elf_stub_visitor *visit, void *context, const char *const *names)
{
	GElf_Shdr header;
	if (!elf_file_section(file, section, &header) || !(header.sh_flags & SHF_EXECINSTR))
		return;
	uint64_t all = (uint64_t)count * STUB_SIZE;
	if (header.sh_size < all)
		return;
	/* ".plt.sec" has no header. */
	uint64_t first = strcmp(section, ".plt") == 0 ? header.sh_size - all : 0;
	for (size_t i = 0; i < count; i++)
		if (names[i])
			visit(names[i], header.sh_addr + first + i * STUB_SIZE, STUB_SIZE, context);
}

void elf_file_stubs(const struct elf_file *file, elf_stub_visitor *visit, void *context)
{
	GElf_Shdr header, table;
	Elf_Scn *section = elf_file_section(file, ".rela.plt", &header);
	if (file->header.e_machine != EM_X86_64 || !section || header.sh_type != SHT_RELA)
		return;
	Elf_Scn *symbol_section = elf_getscn(file->elf, header.sh_link);
	Elf_Data *data = elf_getdata(section, NULL);
	Elf_Data *symbols = symbol_section ? elf_getdata(symbol_section, NULL) : NULL;
	if (!data || !symbols || !gelf_getshdr(symbol_section, &table) ||
	    table.sh_type != SHT_DYNSYM)
		return;
	size_t count = data->d_size / sizeof(Elf64_Rela);
	if (count == 0 || count > MOST_STUBS)
		return;
	CLEANUP(freep) const char **names = calloc(count, sizeof(*names));
	for (size_t i = 0; names && i < count; i++) {
		GElf_Rela relocation;
		if (gelf_getrela(data, (int)i, &relocation))
			names[i] = name_of(file, symbols, table.sh_link, &relocation);
	}
	if (!names)
		return;
	visit_section(file, ".plt", count, visit, context, names);
	visit_section(file, ".plt.sec", count, visit, context, names);
}
