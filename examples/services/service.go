package main

import (
	"encoding/json"
	"log"
	"net/http"
	"strings"
)

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}

func data(w http.ResponseWriter, r *http.Request) {
	var key string
	if r.URL.Path == "/data" {
		key = r.URL.Query().Get("key")
	} else if strings.HasPrefix(r.URL.Path, "/data/") {
		key = r.URL.Path[len("/data/"):]
	} else {
		http.Error(w, "no such path", http.StatusNotImplemented)
		return
	}
	var err error
	found := true
	switch r.Method {
	case http.MethodGet:
		var value any
		if value, err = get(key); err == nil && value != nil {
			answer(w, http.StatusOK, value)
			return
		}
		found = value != nil
	case http.MethodPost:
		var value any
		if err = json.NewDecoder(r.Body).Decode(&value); err == nil {
			err = set(key, value)
		}
	case http.MethodDelete:
		err = unset(key)
	case http.MethodPatch:
		var change struct{ Inc int64 }
		if err = json.NewDecoder(r.Body).Decode(&change); err == nil {
			found, err = increment(key, change.Inc)
		}
	}
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case !found:
		answer(w, http.StatusNotFound, nil)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func main() {
	// A handler of your own: http.ServeMux redirects a path with "//" in it.
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", http.HandlerFunc(data)))
}
