/* SPDX-License-Identifier: MIT */
/* What a file is, told from its beginning, and why it is no core that we read. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "target/core/private.h"

/* ---- packed ------------------------------------------------------------- */

static const struct packer {
	const char *magic;
	size_t length;
	const char *name;
	const char *suffix;
	const char *command; /* writes the unpacked file to standard output */
} packers[] = {
	{"\x28\xb5\x2f\xfd", 4, "zstd", ".zst", "zstd -dc"},
	{"\x04\x22\x4d\x18", 4, "lz4", ".lz4", "lz4 -dc"},
	{"\x1f\x8b", 2, "gzip", ".gz", "gzip -dc"},
	{"\xfd" "7zXZ", 5, "xz", ".xz", "xz -dc"},
	{"BZh", 3, "bzip2", ".bz2", "bzip2 -dc"},
};

/* For a shell: within single quotes, if it needs them. */
static char *quote(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-+./:,@%";
	if (text[0] != '-' && strspn(text, plain) == strlen(text))
		return strdup(text);
	char *quoted = malloc(4 * strlen(text) + 5), *to = quoted;
	if (!quoted)
		return NULL;
	/* A name that begins with a dash would be an option. */
	if (text[0] == '-')
		to = stpcpy(to, "./");
	*to++ = '\'';
	for (; *text; text++) {
		if (*text == '\'')
			to = stpcpy(to, "'\\'");
		*to++ = *text;
	}
	strcpy(to, "'");
	return quoted;
}

static struct heapspy_error *packed_error(const struct core_target *core,
					  const struct packer *packer)
{
	struct heapspy_error *error = core_refuse(core, "it is packed with %s", packer->name);
	size_t length = strlen(core->path), suffix = strlen(packer->suffix);
	bool has_suffix = length > suffix &&
			  strcmp(core->path + length - suffix, packer->suffix) == 0;
	CLEANUP(freep) char *safe = text_from_bytes(core->path, length);
	/* A command that does not name the very file would not run as printed. */
	if (!safe || strcmp(safe, core->path) != 0)
		return error;
	CLEANUP(freep) char *plain = NULL;
	if (has_suffix)
		plain = strndup(core->path, length - suffix);
	else if (asprintf(&plain, "%s.unpacked", core->path) < 0)
		plain = NULL;
	CLEANUP(freep) char *from = quote(core->path), *to = plain ? quote(plain) : NULL;
	if (!from || !to)
		return error;
	error_remedy(error, "%s %s > %s", packer->command, from, to);
	return error_remedy(error, "heapspy dump %s", to);
}

/* ---- other kinds -------------------------------------------------------- */

static const struct {
	const char *magic;
	const char *name;
} others[] = {
	{"MDMP", "it is a minidump, not an ELF core"},
	{"\xce\xfa\xed\xfe", "it is a Mach-O file, not an ELF core"},
	{"\xcf\xfa\xed\xfe", "it is a Mach-O file, not an ELF core"},
	{"JAVA PROFILE", "it is a Java heap dump, not an ELF core"},
	{"{", "it looks like JSON, not like an ELF core"},
	{"#!", "it is a script, not a core"},
};

static const struct {
	unsigned type;
	const char *name;
} types[] = {
	{ET_REL, "an object file"},
	{ET_EXEC, "a program"},
	{ET_DYN, "a program or a shared library"},
};

static const struct {
	unsigned machine;
	const char *name;
} machines[] = {
	{EM_386, "32-bit x86"},   {EM_ARM, "32-bit ARM"},  {EM_AARCH64, "AArch64"},
	{EM_PPC64, "POWER"},      {EM_S390, "S/390"},      {EM_RISCV, "RISC-V"},
	{EM_MIPS, "MIPS"},        {EM_SPARCV9, "SPARC"},   {EM_PPC, "32-bit POWER"},
};

static struct heapspy_error *check_magic(const struct core_target *core, const uint8_t *bytes,
					 size_t length)
{
	if (length == 0)
		return core_refuse(core, "it is empty");
	for (size_t i = 0; i < sizeof(packers) / sizeof(*packers); i++)
		if (length >= packers[i].length &&
		    memcmp(bytes, packers[i].magic, packers[i].length) == 0)
			return packed_error(core, &packers[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (length >= strlen(others[i].magic) &&
		    memcmp(bytes, others[i].magic, strlen(others[i].magic)) == 0)
			return core_refuse(core, "%s", others[i].name);
	if (memcmp(bytes, ELFMAG, length < SELFMAG ? length : SELFMAG) != 0)
		return core_refuse(core, "it is not an ELF file");
	if (length < sizeof(Elf64_Ehdr))
		return core_refuse(core, "it is cut off after %zu bytes, within its ELF header",
				   length);
	return NULL;
}

static struct heapspy_error *check_machine(const struct core_target *core, unsigned machine)
{
	if (machine == EM_X86_64)
		return NULL;
	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		if (machine == machines[i].machine)
			return core_refuse(core, "it is of another kind of machine: %s",
					   machines[i].name);
	return core_refuse(core, "it is of another kind of machine: ELF number %u", machine);
}

static struct heapspy_error *check_type(const struct core_target *core, unsigned type)
{
	if (type == ET_CORE)
		return NULL;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (type == types[i].type)
			return core_refuse(core, "it is %s, not a core", types[i].name);
	return core_refuse(core, "it is an ELF file of type %u, not a core", type);
}

struct heapspy_error *core_check_kind(const struct core_target *core, Elf64_Ehdr *ret_header)
{
	Elf64_Ehdr header;
	uint8_t *bytes = (uint8_t *)&header;
	ssize_t length = io_pread_all(core->fd, bytes, sizeof(header), 0);
	struct heapspy_error *error = check_magic(core, bytes, length < 0 ? 0 : (size_t)length);
	if (error)
		return error;
	if (header.e_ident[EI_DATA] != ELFDATA2LSB)
		return core_refuse(core, "it is of a big-endian machine");
	/* e_machine lies in the same place in 32-bit files. */
	if ((error = check_machine(core, header.e_machine)) ||
	    (error = check_type(core, header.e_type)))
		return error;
	if (header.e_ident[EI_CLASS] != ELFCLASS64)
		return core_refuse(core, "it is of a 32-bit process");
	*ret_header = header;
	return NULL;
}
