-- podop.lua - passdb and userdb of Dovecot 2.4 from a table of podop's, as the driver "dict" did it in 2.3.
--
-- Needs the Debian packages dovecot-auth-lua and lua-socket. It asks for passdb/USER and userdb/USER, and for userdb/
-- to list all users. The table answers with one flat JSON object; each of its members becomes a field of Dovecot's.
--
-- It speaks version 2.0 of Dovecot's dict protocol, the simplest: one request, one answer. error() is how a script
-- tells Dovecot of a temporary failure, so that nothing but podop's own "not found" is ever an unknown user.

local unix = require "socket.unix"

local settings = {socket = "/run/podop/podop.sock", table = "auth"}
local PATIENCE = 25 -- seconds; podop answers sooner, if only to say that its backend does not
local connection    -- each auth worker keeps its own

function script_init(given)
    for name, value in pairs(given or {}) do
        settings[name] = value
    end
    return 0
end

-- the dict protocol --------------------------------------------------------------------------------------------------

local ESCAPES = {["\0"] = "\0010", ["\1"] = "\0011", ["\t"] = "\1t", ["\r"] = "\1r", ["\n"] = "\1n"}
local UNESCAPES = {["0"] = "\0", ["1"] = "\1", t = "\t", r = "\r", n = "\n"}

local function escape(text)
    return (text:gsub("[\0\1\t\r\n]", ESCAPES))
end

local function unescape(text)
    return (text:gsub("\1(.?)", UNESCAPES))
end

local function connect()
    local socket = assert(unix.stream())
    socket:settimeout(PATIENCE)
    local done, why = socket:connect(settings.socket)
    if done then
        done, why = socket:send("H2\t0\t0\t\t" .. escape(settings.table) .. "\n")
    end
    if not done then
        socket:close()
        error("podop at " .. settings.socket .. ": " .. why, 0)
    end
    return socket
end

-- The letter and the text of each line of the answer, up to one with a letter of `last`.
local function ask(request, last)
    local is_kept, lines = connection ~= nil, {}
    connection = connection or connect()
    local done, why = connection:send(request .. "\n")
    while done do
        done, why = connection:receive("*l")
        if done then
            local letter, text = done:match("^(.?)([^\t]*)")
            lines[#lines + 1] = {letter = letter, text = unescape(text)}
            if letter == "F" then
                error("podop: " .. unescape(text), 0)
            elseif last:find(letter, 1, true) and (letter ~= "" or last == "") then
                return lines
            end
        end
    end
    connection:close()
    connection = nil
    if is_kept and why ~= "timeout" then
        return ask(request, last) -- podop was started anew meanwhile
    end
    error("podop at " .. settings.socket .. ": " .. why, 0)
end

-- the values ---------------------------------------------------------------------------------------------------------

local LETTERS = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t"} -- the others stand for themselves

local function surrogates(high, low)
    return utf8.char(0x10000 + (tonumber(high, 16) - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00)
end

-- A JSON object as a table of strings.
local function fields(json)
    local at, result = 1, {}

    local function take(pattern)
        local _, stop, text = json:find("^%s*" .. pattern, at)
        at = stop and stop + 1 or at
        return stop and (text or true)
    end
    local function need(value)
        return value or error("podop: not a flat JSON object, at byte " .. at .. " of the value", 0)
    end
    local function text()
        if not take('"') then
            return nil
        end
        local start = at
        while json:sub(at, at) ~= '"' do
            at = need(json:find('["\\]', at))
            at = json:sub(at, at) == "\\" and at + 2 or at
        end
        at = at + 1
        local found = json:sub(start, at - 2):gsub("\\\\", "\\u005c"):gsub("\\([^u])", function(letter)
            return LETTERS[letter] or letter
        end)
        found = found:gsub("\\u([dD][89abAB]%x%x)\\u([dD][c-fC-F]%x%x)", surrogates)
        found = found:gsub("\\u(%x%x%x%x)", function(digits) return utf8.char(tonumber(digits, 16)) end)
        need(not found:find("\0", 1, true))
        return found
    end

    need(take("{"))
    if not take("}") then
        repeat
            local name = need(text())
            need(name ~= "" and take(":"))
            result[name] = not take("null") and need(text() or take("(true)") or take("(false)") or take("(-?%d[%d.eE+-]*)"))
                or nil
        until not take(",")
        need(take("}"))
    end
    need(take("$"))
    return result
end

local function lookup(key)
    local answer = ask("L" .. escape("shared/" .. key), "ON")[1]
    return answer.letter == "O" and fields(answer.text) or nil
end

-- what Dovecot calls -------------------------------------------------------------------------------------------------

function auth_passdb_lookup(request)
    local found = lookup("passdb/" .. request.user)
    if not found then
        return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN, "no such user"
    end
    return dovecot.auth.PASSDB_RESULT_OK, found
end

function auth_userdb_lookup(request)
    local found = lookup("userdb/" .. request.user)
    if not found then
        return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, "no such user"
    end
    return dovecot.auth.USERDB_RESULT_OK, found
end

function auth_userdb_iterate()
    local path, users = "shared/userdb/", {}
    for _, line in ipairs(ask("I0\t" .. path, "")) do
        if line.letter == "O" then
            users[#users + 1] = line.text:sub(#path + 1)
        end
    end
    return users
end
