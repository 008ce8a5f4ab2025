def markdown(every):
    return ""
