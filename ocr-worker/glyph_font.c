#include "ocr-worker/glyph_font.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files of Debian's packages. `index`: of the Japanese face in a collection. */
static const struct {
    const char *path;
    int index;
} files[] = {
    {"/usr/share/fonts/opentype/ipaexfont-mincho/ipaexm.ttf", 0},
    {"/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 0},
    {"/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc", 0},
    {"/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Regular.ttf", 0},
    {"/usr/share/fonts/truetype/bizud-mincho/BIZUDMincho-Regular.ttf", 0},
    {"/usr/share/fonts/opentype/ipaexfont-gothic/ipaexg.ttf", 0},
    {"/usr/share/fonts/truetype/ipamj/ipamjm.ttf", 0},
    {"/usr/share/fonts/truetype/horai-umefont/ume-tmo3.ttf", 0},
    {"/usr/share/fonts/truetype/horai-umefont/ume-tgo4.ttf", 0},
    {"/usr/share/fonts/truetype/takao-mincho/TakaoPMincho.ttf", 0},
    {"/usr/share/fonts/truetype/takao-gothic/TakaoPGothic.ttf", 0},
    {"/usr/share/fonts/truetype/bizud-gothic/BIZUDPGothic-Bold.ttf", 0},
    {"/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", 0},
    {"/usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc", 0},
};

static int font_open(FT_Library library, const char *path, int index, unsigned pixels,
                     struct glyph_font *ret) {
    struct glyph_font font = {.path = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return 0;
    if (fstat(fd, &st) == 0 && st.st_size > 0) {
        font.map_len = (size_t)st.st_size;
        font.map = mmap(NULL, font.map_len, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    close(fd);
    if (font.map == NULL || font.map == MAP_FAILED)
        return 0;
    if (FT_New_Memory_Face(library, font.map, (FT_Long)font.map_len, index,
                           &font.face) != 0) {
        munmap(font.map, font.map_len);
        return 0;
    }
    if (FT_Set_Pixel_Sizes(font.face, 0, pixels) != 0) {
        glyph_fonts_close(&font, 1);
        return 0;
    }
    *ret = font;
    return 1;
}

/* `without`: parts of paths, separated by commas. */
static int is_without(const char *path, const char *without) {
    while (without != NULL && *without != '\0') {
        size_t len = strcspn(without, ",");

        if (len > 0 && memmem(path, strlen(path), without, len) != NULL)
            return 1;
        without += len + (without[len] == ',');
    }
    return 0;
}

size_t glyph_fonts_open(FT_Library library, const char *without, unsigned pixels,
                        struct glyph_font *fonts, size_t max) {
    size_t count = 0;

    for (size_t i = 0; i < sizeof files / sizeof *files && count < max; i++) {
        if (is_without(files[i].path, without))
            continue;
        count += (size_t)font_open(library, files[i].path, files[i].index, pixels,
                                   &fonts[count]);
    }
    return count;
}

void glyph_fonts_close(struct glyph_font *fonts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        FT_Done_Face(fonts[i].face);
        munmap(fonts[i].map, fonts[i].map_len);
    }
}
