require 'json'
require 'sinatra/base'
require_relative 'store'

class Service < Sinatra::Base
  disable :protection  # it changes "//" and "\" in paths

  def read(key)
    content_type :json
    value = Store.get(key)
    status 404 if value.nil?
    value.to_json
  end

  get('/data') { read(params['key']) }
  get(%r{/data/(.*)}m) { |key| read(key) }

  post '/data' do
    Store.set(params['key'], JSON.parse(request.body.read))
    204
  end

  delete '/data' do
    Store.unset(params['key'])
    204
  end

  patch '/data' do
    content_type :json
    halt 404, 'null' unless Store.increment(params['key'], JSON.parse(request.body.read)['inc'])
    204
  end
end
