# Makes OUTPUT, a C source with the status page of DIRECTORY: one document with its style and script inside, and the
# Content-Security-Policy that allows these two by their hashes and nothing else.
set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

# Sets result to the SHA-256 of text in base64: its 32 bytes are ten groups of three, and two more.
function(hash_of text result)
    string(SHA256 hex "${text}")
    set(encoded "")
    foreach(at RANGE 0 60 6)
        string(SUBSTRING "${hex}00" ${at} 6 group)
        math(EXPR bits "0x${group}")
        foreach(shift IN ITEMS 18 12 6 0)
            math(EXPR index "(${bits} >> ${shift}) & 63")
            string(SUBSTRING ${alphabet} ${index} 1 letter)
            string(APPEND encoded ${letter})
        endforeach()
    endforeach()
    string(SUBSTRING ${encoded} 0 43 encoded)
    set(${result} "${encoded}=" PARENT_SCOPE)
endfunction()

file(READ ${DIRECTORY}/page.html page)
file(READ ${DIRECTORY}/page.css style)
file(READ ${DIRECTORY}/page.js script)
hash_of("${style}" style_hash)
hash_of("${script}" script_hash)
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
file(WRITE ${OUTPUT}.html "${page}")
file(READ ${OUTPUT}.html bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n"
    bytes "${bytes}")
file(WRITE ${OUTPUT} "/* Made of src/monitor/page by cmake/embed_page.cmake. */
#include \"monitor/status_page_text.h\"

const char status_page_policy[] =
    \"default-src 'none'; script-src 'sha256-${script_hash}'; style-src 'sha256-${style_hash}'; \"
    \"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \"
    \"require-trusted-types-for 'script'; trusted-types 'none'\";

const unsigned char status_page_text[] = {
${bytes}};
const size_t status_page_len = sizeof(status_page_text);
")
