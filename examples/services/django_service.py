import json

import store
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="not used")


@csrf_exempt
def data(request, key=None):
    key = request.GET["key"] if key is None else key
    if request.method == "GET":
        value = store.get(key)
        return JsonResponse(value, safe=False, status=404 if value is None else 200)
    if request.method == "POST":
        store.set(key, json.loads(request.body))
    elif request.method == "DELETE":
        store.unset(key)
    elif not store.increment(key, json.loads(request.body)["inc"]):
        return JsonResponse(None, safe=False, status=404)
    return HttpResponse(status=204)


urlpatterns = [path("data", data), path("data/<path:key>", data)]
app = get_wsgi_application()
