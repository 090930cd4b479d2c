/* glyph_font: the font files that the reader renders from, mapped whole.
 *
 * Order matters: the first ones that have a character make the bank of all kanji, so
 * they alternate between Mincho and Gothic. Owned by glyph.c. */
#ifndef OCR_WORKER_GLYPH_FONT_H
#define OCR_WORKER_GLYPH_FONT_H

#include <stddef.h>

#include <ft2build.h>
#include FT_FREETYPE_H

struct glyph_font {
    FT_Face face;
    void *map; /* the file: no reading after the sandbox has closed */
    size_t map_len;
    const char *path;
};

/* Installed fonts of the list, sized to `pixels`, without those whose path contains
 * `without` (NULL: all). Returns how many. */
size_t glyph_fonts_open(FT_Library library, const char *without, unsigned pixels,
                        struct glyph_font *fonts, size_t max);
void glyph_fonts_close(struct glyph_font *fonts, size_t count);

#endif
