<?php
function note(...$words): void
{
    file_put_contents(__DIR__ . '/log', implode(' ', $words) . "\n", FILE_APPEND);
}

function get(string $key): ?string
{
    if (str_starts_with($key, 'broken'))
        throw new Exception($key);
    return str_starts_with($key, 'no such') ? null : "got $key";
}

function set(string $key, mixed $value): void
{
    note('set', $key, $value);
}

function unset_key(string $key): void
{
    note('unset', $key);
}

function increment(string $key, int $number): bool
{
    if (str_starts_with($key, 'no such'))
        return false;
    note('increment', $key, $number);
    return true;
}
