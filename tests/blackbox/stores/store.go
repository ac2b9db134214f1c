package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

func note(words ...any) error {
	file, err := os.OpenFile("log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		defer file.Close()
		_, err = file.WriteString(fmt.Sprintln(words...))
	}
	return err
}

func get(key string) (any, error) {
	if strings.HasPrefix(key, "broken") {
		return nil, errors.New(key)
	}
	if strings.HasPrefix(key, "no such") {
		return nil, nil
	}
	return "got " + key, nil
}

func set(key string, value any) error { return note("set", key, value) }

func unset(key string) error { return note("unset", key) }

func increment(key string, number int64) (bool, error) {
	if strings.HasPrefix(key, "no such") {
		return false, nil
	}
	return true, note("increment", key, number)
}
