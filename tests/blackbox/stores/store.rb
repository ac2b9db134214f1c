File.write(File.join(__dir__, 'starts'), '.', mode: 'a')

module Store
  def self.note(*words)
    File.open(File.join(__dir__, 'log'), 'a') { |file| file.write(words.join(' ') + "\n") }
  end

  def self.get(key)
    raise key if key.start_with?('broken')
    key.start_with?('no such') ? nil : "got #{key}"
  end

  def self.set(key, value) = note('set', key, value)

  def self.unset(key) = note('unset', key)

  def self.increment(key, number)
    return false if key.start_with?('no such')
    note('increment', key, number)
    true
  end
end
