<?php
require __DIR__ . '/store.php';

function answer(int $status, mixed $value): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    exit(json_encode($value, JSON_THROW_ON_ERROR));
}

function body(): mixed
{
    return json_decode(file_get_contents('php://input'), flags: JSON_THROW_ON_ERROR);
}

ini_set('display_errors', '0');         // an exception is then status 500
$path = strtok($_SERVER['REQUEST_URI'], '?');
if ($path === '/data')
    $key = $_GET['key'];
elseif (str_starts_with($path, '/data/'))
    $key = rawurldecode(substr($path, strlen('/data/')));
else
    answer(501, 'no such path');
switch ($_SERVER['REQUEST_METHOD']) {
case 'GET':
    $value = get($key);
    answer($value === null ? 404 : 200, $value);
case 'POST':
    set($key, body());
    break;
case 'DELETE':
    unset_key($key);
    break;
case 'PATCH':
    if (!increment($key, body()->inc))
        answer(404, null);
}
http_response_code(204);
