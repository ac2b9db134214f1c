-- podop.lua - passdb and userdb of Dovecot 2.4 from a table of podop, in place of the driver "dict" of 2.3.
--
-- Needs the Debian packages dovecot-auth-lua and lua-socket. It looks up passdb/USER and userdb/USER, and lists
-- userdb/ to get all users. A value is one flat JSON object whose members become Dovecot's fields.
--
-- It uses version 2.0 of Dovecot's dict protocol, the simplest: one request, one answer. Every failure is temporary.
-- Only podop's answer "not found" means an unknown user.

local unix = require "socket.unix"

local settings = {socket = "/run/podop/podop.sock", table = "auth"}
local PATIENCE = 25 -- seconds; podop answers earlier, even when its backend does not
local connection    -- is kept open; each auth worker has its own

function script_init(given)
    settings = given or settings
    return 0
end

-- The dict protocol --------------------------------------------------------------------------------------------------

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
    if done then
        return socket
    end
    socket:close()
    error("podop at " .. settings.socket .. ": " .. why, 0)
end

-- Returns the lines of the answer: one, or for a list all lines up to the empty one.
local function ask(request, is_list)
    local is_old, lines = connection ~= nil, {}
    connection = connection or connect()
    local done, why = connection:send(request .. "\n")
    while done do
        done, why = connection:receive("*l")
        lines[#lines + 1] = done
        if done and (not is_list or done == "" or done:sub(1, 1) == "F") then
            return lines
        end
    end
    connection:close()
    connection = nil
    if is_old and why ~= "timeout" then
        return ask(request, is_list) -- podop was restarted after the last request
    end
    error("podop at " .. settings.socket .. ": " .. why, 0)
end

-- Returns the letter and the text of a line.
local function read(line)
    local letter, text = line:match("^(.?)([^\t]*)")
    if letter == "F" then
        error("podop: " .. unescape(text), 0)
    end
    return letter, unescape(text)
end

-- The values ---------------------------------------------------------------------------------------------------------

local LETTERS = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ["/"] = "/"}

local function surrogates(high, low)
    return utf8.char(0x10000 + (tonumber(high, 16) - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00)
end

local function decode(text)
    text = text:gsub("\\([^u])", LETTERS)
    text = text:gsub("\\u([dD][89abAB]%x%x)\\u([dD][c-fC-F]%x%x)", surrogates)
    return (text:gsub("\\u(%x%x%x%x)", function(digits) return utf8.char(tonumber(digits, 16)) end))
end

-- Returns a JSON object, whose syntax podop has checked, as a table of strings.
local function fields(json)
    local at, result = 1, {}
    json = json:gsub("\\\\", "\\u005c"):gsub('\\"', "\\u0022") -- now every quote begins or ends a string

    local function take(pattern)
        local _, stop, found = json:find("^%s*" .. pattern .. "%s*", at)
        at = stop and stop + 1 or at
        return found
    end
    local function need(value)
        return value or error("podop: the value is not a flat JSON object", 0)
    end

    need(take("({)"))
    local is_more = not take("(})")
    while is_more do
        local name = decode(need(take('"([^"]+)"')))
        need(take("(:)"))
        local text = take('"([^"]*)"')
        if text then
            result[name] = decode(text)
            need(not result[name]:find("\0", 1, true))
        elseif not take("(null)") then
            result[name] = need(take("(-?%d[%deE.+-]*)") or take("(true)") or take("(false)"))
        end
        is_more = need(take("([,}])")) == ","
    end
    need(at > #json)
    return result
end

-- Functions for Dovecot ----------------------------------------------------------------------------------------------

local function lookup(key)
    local letter, value = read(ask("L" .. escape("shared/" .. key))[1])
    return letter == "O" and fields(value)
end

local function look_up(kind, key)
    local done, found = pcall(lookup, key)
    if not done then
        return dovecot.auth[kind .. "_RESULT_INTERNAL_FAILURE"], found
    elseif not found then
        return dovecot.auth[kind .. "_RESULT_USER_UNKNOWN"], "no such user"
    end
    return dovecot.auth[kind .. "_RESULT_OK"], found
end

function auth_passdb_lookup(request)
    return look_up("PASSDB", "passdb/" .. request.user)
end

function auth_userdb_lookup(request)
    return look_up("USERDB", "userdb/" .. request.user)
end

function auth_userdb_iterate()
    local path, users = "shared/userdb/", {}
    for _, line in ipairs(ask("I0\t" .. path, true)) do
        local letter, key = read(line)
        if letter == "O" then
            users[#users + 1] = key:sub(#path + 1)
        end
    end
    return users
end
