-- Health of Postrider's kinds. Their conditions are those of kstatus: Ready, and Stalled where a person has to act.
local function is(condition, kind)
  return condition.type == kind and condition.status == "True"
end

if obj.status == nil or obj.status.conditions == nil then
  return { status = "Progressing", message = "The operator has not looked at it yet" }
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not looked at this generation yet" }
end

local message = ""
for _, condition in ipairs(obj.status.conditions) do
  if is(condition, "Ready") then
    return { status = "Healthy", message = condition.message }
  end
  if is(condition, "Stalled") then
    return { status = "Degraded", message = condition.message }
  end
  if condition.type == "Ready" then
    message = condition.message
  end
end
return { status = "Progressing", message = message }
